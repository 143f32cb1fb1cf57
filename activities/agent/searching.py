"""The searches of the web that a model made, read off its replies."""

from collections.abc import Iterator, Sequence
from typing import Any

from activities.agent.records import JournalRecord, Replied
from schemas.message import OtherBlock, Reply, Search

MOST = 40_000  # characters of addresses that a report carries into the run's history
MOST_WORDS = 30_000  # characters of queries
LONGEST_QUERY = 400


def searches(records: Sequence[JournalRecord]) -> tuple[Search, ...]:
    """All of them in their order, those of replies that were cut off or refused too.

    Of very many, the last are in the journal alone, and what the last but those found.
    """
    asked: dict[str, Search] = {}
    for block in _blocks([record.reply for record in records if isinstance(record, Replied)]):
        match block:
            case {"type": "server_tool_use", "name": "web_search", "id": str() as name, "input": dict() as given}:
                asked[name] = Search(query=str(given.get("query", "")))
            case {"type": "web_search_tool_result", "tool_use_id": str() as name, "content": list() as found}:
                urls = dict.fromkeys(str(one["url"]) for one in found if isinstance(one, dict) and one.get("url"))
                known = asked.get(name) or Search(query="")
                asked[name] = known.model_copy(update={"urls": tuple(urls)})
    left, words, told = MOST, MOST_WORDS, list[Search]()
    for search in asked.values():
        query = search.query[:LONGEST_QUERY]
        left, words = left - sum(map(len, search.urls)), words - len(query)
        if words < 0:
            break
        told.append(Search(query=query, urls=search.urls if left >= 0 else ()))
    return tuple(told)


def _blocks(replies: Sequence[Reply]) -> Iterator[dict[str, Any]]:
    for reply in replies:
        for block in reply.content:
            if isinstance(block, OtherBlock):
                yield block.model_dump()
