"""What operators see of a run in Temporal's UI: search attributes and current details, in Markdown."""

from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from schemas.candidate import Candidate
from schemas.state import RunState

TASK = SearchAttributeKey.for_keyword("AibTask")
PHASE = SearchAttributeKey.for_keyword("AibPhase")
POLICY = SearchAttributeKey.for_keyword("AibPolicy")
BEST = SearchAttributeKey.for_float("AibBest")
DOLLARS = SearchAttributeKey.for_float("AibDollars")
TOKENS = SearchAttributeKey.for_int("AibTokens")


def show(before: RunState | None, state: RunState) -> None:
    """Brings what is shown up to date.

    Attributes cost history: while nothing but what was spent changes, they follow in steps.
    """
    workflow.set_current_details(details(state, workflow.now()))
    if workflow.patched("money-in-steps"):
        changed = facts(state) if before is None or _news(before) != _news(state) else {}
    else:
        changed = {name: value for name, value in facts(state).items() if not before or facts(before)[name] != value}
    if not changed:
        return
    if not state.spec.search_attributes:
        workflow.upsert_memo(changed)
        return
    keyed = {key.name: key for key in (TASK, PHASE, POLICY)}
    updates = [key.value_set(str(changed[name])[:200]) for name, key in keyed.items() if changed.get(name) is not None]
    numbers = {key.name: key for key in (BEST, DOLLARS)}
    more = [
        key.value_set(float(changed[name] or 0.0)) for name, key in numbers.items() if changed.get(name) is not None
    ]
    tokens = [TOKENS.value_set(int(changed[TOKENS.name] or 0))] if changed.get(TOKENS.name) is not None else []
    if updates or more or tokens:
        workflow.upsert_search_attributes([*updates, *more, *tokens])


def facts(state: RunState) -> dict[str, str | float | None]:
    """The values that runs are searched by."""
    leader = state.best
    best = leader.best if leader else None
    return {
        TASK.name: state.task.name if state.task else state.spec.name,
        PHASE.name: "PAUSED" if state.paused else state.phase,
        POLICY.name: state.spec.settings.policy,
        BEST.name: best.score.value if best and best.score else None,
        DOLLARS.name: round(state.spend.dollars, 2) if state.spend.dollars is not None else None,
        TOKENS.name: state.spend.usage.tokens or None,  # none where no language model is used
    }


def _news(state: RunState) -> dict[str, object]:
    """What is worth an event of history when it changes."""
    known = facts(state)
    spent = {name: known.pop(name) for name in (DOLLARS.name, TOKENS.name)}
    return {**known, "spent": _step(float(spent[DOLLARS.name] or spent[TOKENS.name] or 0.0))}


def _step(value: float) -> tuple[int, int]:
    """The quarter of a decimal digit that the value has reached: the same on every machine, unlike a logarithm."""
    mantissa, exponent = f"{value:.3e}".split("e")
    return int(exponent), int(float(mantissa) * 4)


def details(state: RunState, now: datetime) -> str:
    """The run at a glance."""
    left = max((state.clock.deadline - now).total_seconds(), 0.0) / 60
    lines = [f"**{state.phase}** · {left:.0f} min left · {state.invocations} agent calls · {_money(state)}", ""]
    if state.paused:
        lines += [f"PAUSED by {state.paused}: {state.pause_why}", ""]
    if state.task:
        lines += [f"{state.task.name}: {state.task.metric.name}, {state.task.metric.direction} is better", ""]
    if state.candidates:
        lines += ["| candidate | approach | status | best | trials |", "|---|---|---|---|---|"]
        lines += [_row(candidate) for candidate in state.candidates.values()]
    flights = [f"- {flight.invocation}, until {flight.deadline:%H:%M:%S}" for flight in state.in_flight.values()]
    return "\n".join([*lines, "", *flights])


def _row(candidate: Candidate) -> str:
    score = candidate.best.score if candidate.best else None
    value = f"{score.value:.5g} [{score.low:.5g}, {score.high:.5g}]" if score else ""
    return f"| {candidate.number} | {candidate.approach} | {candidate.status} | {value} | {candidate.trials} |"


def _money(state: RunState) -> str:
    spend, most = state.spend, state.budget
    dollars = "cost unknown" if spend.dollars is None else f"${spend.dollars:.2f}"
    if most.dollars is not None:
        dollars += f" of ${most.dollars:.2f}"
    tokens = f"{spend.usage.tokens:,} tokens" if spend.usage.tokens or most.tokens is not None else ""
    if most.tokens is not None:
        tokens += f" of {most.tokens:,}"
    return " · ".join(part for part in (dollars, tokens) if part)
