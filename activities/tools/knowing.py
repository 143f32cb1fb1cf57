"""`profile_data` and `retrieve`: facts of the data, and what is known about such data."""

from activities.errors import ToolFailed
from activities.knowledge import catalogue
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from schemas.tool import ProfileData, Retrieve, Retrieved

WHOLE = 100_000  # characters: facts and code are of use whole


class Knowing:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def profile_tool(self) -> Tool:
        what = (
            "Facts of the data, as JSON: columns with kinds, missing values and ranges, targets, duplicates, how "
            "labelled rows and those to predict differ, further files. Of labelled rows that are not withheld. Free "
            "and instant."
        )
        return Tool("profile_data", what, ProfileData, self.profile_data, reads_only=True, shown=WHOLE)

    def retrieve_tool(self) -> Tool:
        what = (
            "Finds recipes (complete training code that keeps the repository's contract) and strategies (advice). With "
            "`query`, or nothing, it lists entries: whether each fits this data (`fits`, `rank`), its default settings "
            "and changes worth trying. With `name`, an entry's exact name, it gives that entry's files too."
        )
        return Tool("retrieve", what, Retrieve, self.retrieve, reads_only=True, shown=WHOLE)

    async def profile_data(self, _given: ProfileData, _call: Call) -> Done:
        return Done(self._bench.profile)

    async def retrieve(self, given: Retrieve, _call: Call) -> Done:
        profile, task = self._bench.profile, self._bench.task
        if not given.name:
            found = catalogue.search(given.query, profile, task)
            return Done(Retrieved(entries=tuple(entry.model_copy(update={"files": {}}) for entry in found)))
        try:
            return Done(Retrieved(entries=(catalogue.entry(given.name, profile, task),)))
        except KeyError:
            names = ", ".join(entry.name for entry in catalogue.search("", profile, task))
            raise ToolFailed(f"there is no entry {given.name!r}; there are {names}") from None
