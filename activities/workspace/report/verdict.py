"""What a run came to, in the sentences that head every report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from activities.models.claude.address import Address, Platform
from activities.workspace.report import costs, words
from activities.workspace.report.facts import Facts
from schemas.delivery import Prepared
from schemas.metric import Score
from schemas.role import Role

NO_MODEL = "No language model was used: the playbook, a rule-based engineer, made every decision."
NO_MODEL_SEARCH = (
    "No language model was used: a greedy search made the decisions, and the playbook, a rule-based engineer, "
    "did the work."
)
METHODS = {
    "single": "one model",
    "mean": "a blend by weighted mean",
    "rank": "a blend by weighted mean of ranks",
    "vote": "a blend by weighted vote",
}


@dataclass(frozen=True)
class Verdict:
    """`tone` is good (delivered and verified), doubtful, bad, or open (still running)."""

    tone: Literal["good", "doubtful", "bad", "open"]
    word: str
    sentence: str


def verdict(facts: Facts) -> Verdict:
    passed = facts.verified.passed if facts.verified else None
    why = (facts.end.why if facts.end else "").strip()
    match facts.phase, passed:
        case "DONE", True:
            return Verdict("good", "Delivered and verified", _delivered(facts))
        case "DONE", False:
            return Verdict("doubtful", "Delivered, but the final check failed", _delivered(facts))
        case "DONE", None:
            return Verdict("doubtful", "Ended without a final check", why or _delivered(facts))
        case "STOPPED", _:
            tail = " What was trained was delivered and verified." if passed else ""
            return Verdict("doubtful", "Stopped by a person", (why or "No reason was given.") + tail)
        case "FAILED", _:
            return Verdict("bad", "Failed", why or "No reason was recorded.")
        case _, True:
            return Verdict("good", "Verified", _delivered(facts))
    return Verdict("open", f"Still {facts.phase.lower()}", "This report shows the run as of its last fact.")


def _delivered(facts: Facts) -> str:
    made = delivered(facts)
    return f"{made[0].upper()}{made[1:]}." if made else "Nothing was chosen."


def delivered(facts: Facts) -> str:
    """What the model is, such as `a blend by weighted mean of candidates 1 and 3`."""
    choice = facts.choice
    if not choice:
        return ""
    members = facts.members
    named = "candidate " if len(members) == 1 else "candidates "
    listed = ", ".join(str(number) for number in members[:-1])
    named += f"{listed} and {members[-1]}" if listed else str(members[-1])
    refit = ", refitted on all labelled rows" if facts.delivery and facts.delivery.refitted else ""
    cut = "" if choice.report.threshold is None else f" with the threshold {choice.report.threshold:g}"
    return f"{METHODS[choice.report.method]}{cut}, {named}{refit}"


def headline(facts: Facts) -> Score | None:
    """The score to believe: on `report`, else on `select`, else the leading trial's."""
    if facts.estimated and facts.estimated.score:
        return facts.estimated.score
    if facts.choice:
        return facts.choice.score
    return facts.leader.best.trial.score if facts.leader and facts.leader.best else None


def engine(facts: Facts) -> str:
    """Who decided: the sentence for the banner."""
    used = costs.models(facts)
    if costs.no_language_model(facts):
        return NO_MODEL_SEARCH if costs.SEARCH in used else NO_MODEL
    told = f"Every role was played by {next(iter(used))}." if len(used) == 1 else _parts(used)
    replay = facts.spec.settings.replay if facts.spec else None
    if replay:
        told += f" The recorded run {Path(replay).name} answered: no model was asked, and costs are those of then."
    return told


def _parts(used: dict[str, list[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(roles)}" for name, roles in used.items()) + "."


def web(facts: Facts) -> str:
    """Whether the web could be searched, where a language model designed; nothing for the playbook."""
    if facts.spec is None or costs.no_language_model(facts):
        return ""
    designer = facts.spec.model_for(Role.DESIGNER).name
    address = Address.of(designer)
    if not facts.spec.settings.web:
        return "Web search was off."
    if address is None:
        return f"Nothing searched the web: the designer was {designer}."
    if address.platform is Platform.BEDROCK:
        return f"Nothing searched the web: {designer} has no web search there."
    count = len(facts.searches)
    made = words.plural(count, "search was", "searches were") if count else "no search was"
    return f"Web search was on, for the designer; {made} made."


def sandbox(prepared: Prepared | None) -> tuple[Literal["good", "bad", "open"], str]:
    name = prepared.sandbox if prepared else ""
    if not name:
        return "open", "The run did not get as far as choosing a sandbox."
    if name == "none":
        return "bad", (
            "There was no sandbox: generated code ran with the rights of the person who started the run, and could "
            "have read withheld labels. The scores are to be trusted only as far as that code is."
        )
    return "good", f"Generated code ran in a sandbox ({name}), without sight of withheld rows, keys or other runs."


def network(facts: Facts) -> str:
    return "This task lets its jobs reach the network." if facts.task and facts.task.network else ""


def refit_note(facts: Facts) -> str:
    """Which model the scores are of."""
    if facts.delivery and facts.delivery.refitted:
        return (
            "Scores are of the model before the refit: the delivered one was then trained on all labelled rows, "
            "withheld ones included, so that none are left to score it on."
        )
    scored = "The delivered model is the one that was scored."
    if facts.task and facts.task.split.folds:
        scored = (
            "The delivered model was trained on all rows outside “report”; its score on “select” is cross-validated."
        )
    if facts.refitted and not facts.refitted.done:
        why = f": {facts.refitted.problem}" if facts.refitted.problem else ""
        return f"There was no refit on all labelled rows{why}. {scored}"
    if facts.refitted:
        return f"The refitted model did not pass the final check. {scored}"
    return scored


def looks_note(facts: Facts) -> str:
    """Empty where `report` was looked at once at most."""
    if facts.report_looks < 2:
        return ""
    return (
        f"“report” was looked at {facts.report_looks} times: a choice failed its final check and another took its "
        "place. The scores had no part in that."
    )
