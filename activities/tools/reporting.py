"""The ends of an invocation: each role's report tool, refused while the work that it reports is not there."""

import asyncio
from collections.abc import Callable

from activities.errors import ToolFailed
from activities.tools.base import Call, Done, Tool
from activities.tools.bench import Bench
from activities.tools.blends import Blend, complete_blend
from activities.tools.evaluating import members_of
from activities.tools.trials import trials_of
from activities.workspace.scorer import score_members
from activities.workspace.yamls import NotYaml, read_yaml
from schemas.role import AggregateReport, AnyReport, CodeReport, DesignReport, Role, SetupReport, TuneReport
from schemas.tool import (
    Checked,
    GiveUp,
    Installed,
    ReportAggregate,
    ReportCode,
    ReportDesign,
    ReportSetup,
    ReportTune,
)

ACCEPTED = "reported"


class Reporting:
    """Report tools. A report lacks what only the end of the invocation settles: spend, turns, the final revision."""

    def __init__(self, bench: Bench, attempt: int, unable: Callable[[str], AnyReport]) -> None:
        self._bench = bench
        self._attempt = attempt
        self._unable = unable

    def tools(self, role: Role) -> tuple[Tool, ...]:
        report = {
            Role.SETUP: Tool(
                "report_setup",
                "Ends the setup with what came of it, once there is a SETUP.md.",
                ReportSetup,
                self.setup,
            ),
            Role.DESIGNER: Tool(
                "report_design",
                "Ends the design, once PLAN.md is written; refused unless its front matter names the same approach, "
                "family, weights and packages.",
                ReportDesign,
                self.design,
            ),
            Role.CODER: Tool(
                "report_code",
                "Ends the work; refused unless a check passed on the code as it is now.",
                ReportCode,
                self.code,
            ),
            Role.TUNER: Tool(
                "report_tune",
                "Ends the tuning. `best` is the job of your best full training with a score; null if there is none.",
                ReportTune,
                self.tune,
            ),
            Role.AGGREGATOR: Tool(
                "report_aggregate",
                "Ends your work with the choice that is to be delivered. It is scored once more; for a blend the "
                "system writes blend.json and, where you have written none, inference.py.",
                ReportAggregate,
                self.aggregate,
            ),
        }[role]
        why = "Ends the invocation without a result: it cannot be done, and trying again would fail the same way."
        return report, Tool("give_up", why, GiveUp, self.give_up)

    async def give_up(self, given: GiveUp, _call: Call) -> Done:
        return Done(ACCEPTED, ends=True, report=self._unable(given.why))

    async def setup(self, given: ReportSetup, _call: Call) -> Done:
        bench = self._bench
        if not bench.layout.setup_notes.is_file():
            raise ToolFailed("SETUP.md is not written yet: it tells the other agents what they have")
        installed = [done for done in installs(bench) if done.problem is None]
        report = SetupReport(
            invocation=bench.invocation,
            attempt=self._attempt,
            summary=given.summary,
            environment=bench.environment,
            installed=tuple(dict.fromkeys(name[:400] for done in installed for name in done.packages)),
        )
        return Done(ACCEPTED, ends=True, report=report)

    async def design(self, given: ReportDesign, _call: Call) -> Done:
        bench = self._bench
        named = front_matter(bench)
        for key, said in (("approach", given.approach), ("family", given.family)):
            if str(named.get(key) or "").strip() != said.strip():
                raise ToolFailed(f"PLAN.md's front matter says {key}: {named.get(key)!r}, and your report {said!r}")
        for key, asked in (("weights", given.weights), ("packages", given.packages)):
            if listed(named, key) != asked:
                raise ToolFailed(f"PLAN.md's front matter says {key}: {listed(named, key)}, and your report {asked}")
        report = DesignReport(
            invocation=bench.invocation,
            attempt=self._attempt,
            candidate=bench.candidate or 0,
            summary=given.summary,
            approach=given.approach,
            family=given.family,
            weights=tuple(given.weights),
            packages=tuple(given.packages),
        )
        return Done(ACCEPTED, ends=True, report=report)

    async def code(self, given: ReportCode, _call: Call) -> Done:
        bench = self._bench
        checks = [result for result in bench.done() if result.tool == "check" and not result.is_error]
        passed = [Checked.model_validate_json(result.content) for result in checks if result.tree == await bench.tree()]
        good = next((checked for checked in reversed(passed) if checked.passed), None)
        if good is None:
            why = "the code changed since its last check" if checks and not passed else "no check passed on it"
            raise ToolFailed(f"the code as it is cannot be reported, for {why}: call check, and mend what it finds")
        report = CodeReport(
            invocation=bench.invocation,
            attempt=self._attempt,
            candidate=bench.candidate or 0,
            summary=given.summary,
            check=good.job,
        )
        return Done(ACCEPTED, ends=True, report=report)

    async def tune(self, given: ReportTune, _call: Call) -> Done:
        bench = self._bench
        trials = trials_of(bench.layout, bench.invocation, bench.done())
        scored = [trial.job for trial in trials if trial.score is not None and not trial.quick]
        if given.best is None and scored:
            raise ToolFailed(f"name the best of your full trainings: {', '.join(scored)}")
        if given.best is not None and given.best not in scored:
            raise ToolFailed(
                f"{given.best!r} is not one of your full trainings that got a score: {', '.join(scored) or 'none'}"
            )
        report = TuneReport(
            invocation=bench.invocation,
            attempt=self._attempt,
            candidate=bench.candidate or 0,
            summary=given.summary,
            trials=trials,
            best=given.best,
        )
        return Done(ACCEPTED, ends=True, report=report)

    async def aggregate(self, given: ReportAggregate, _call: Call) -> Done:
        bench = self._bench
        members = members_of(bench.layout, given.members)
        if (given.method == "single") != (len(members) == 1):
            raise ToolFailed("method single is for one member, and the others are for several")
        claim = await score_members(bench.layout, bench.task, members, given.method, threshold=given.threshold)
        if given.method != "single":
            await asyncio.to_thread(complete_blend, bench, Blend(members, given.method, given.threshold))
        report = AggregateReport(
            invocation=bench.invocation,
            attempt=self._attempt,
            summary=given.summary,
            members=members,
            method=given.method,
            threshold=given.threshold,
            claim=claim,
        )
        return Done(ACCEPTED, ends=True, report=report)


def installs(bench: Bench) -> list[Installed]:
    """What was installed so far."""
    found = [result for result in bench.done() if result.tool == "install" and not result.is_error]
    return [Installed.model_validate_json(result.content) for result in found]


def front_matter(bench: Bench) -> dict[str, object]:
    """PLAN.md's. Raises ToolFailed where it is not there or not readable."""
    plan = bench.worktree / "PLAN.md"
    if not plan.is_file():
        raise ToolFailed("PLAN.md is not written yet")
    text = plan.read_text(encoding="utf-8", errors="replace").lstrip()
    start, _, rest = text.partition("\n")
    block, found, _ = rest.partition("\n---")
    if start.strip() != "---" or not found:
        raise ToolFailed("PLAN.md must begin with front matter between two lines of ---, naming approach and family")
    try:
        value = read_yaml(block)
    except NotYaml as error:
        raise ToolFailed(f"PLAN.md's front matter is not valid YAML: {error}") from None
    if not isinstance(value, dict) or not value.get("approach") or not value.get("family"):
        raise ToolFailed("PLAN.md's front matter must name approach and family")
    return value


def listed(front: dict[str, object], key: str) -> list[str]:
    """A list of names in front matter; none if the key is not there."""
    value = front.get(key) or []
    if not isinstance(value, list):
        raise ToolFailed(f"PLAN.md's front matter must name {key} as a list, such as {key}: [one, two]")
    return [str(one) for one in value]
