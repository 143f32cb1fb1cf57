"""What runs are searched by, as attributes in Temporal's visibility store; where those are not permitted, as a memo."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from schemas.state import RunState

TASK = SearchAttributeKey.for_keyword("AibTask")
PHASE = SearchAttributeKey.for_keyword("AibPhase")
POLICY = SearchAttributeKey.for_keyword("AibPolicy")
BEST = SearchAttributeKey.for_float("AibBest")
DOLLARS = SearchAttributeKey.for_float("AibDollars")
TOKENS = SearchAttributeKey.for_int("AibTokens")
Facts = dict[str, str | float | None]


class Searched:
    """Follows a run's state."""

    def __init__(self) -> None:
        self._last: tuple[RunState, Facts] | None = None

    def show(self, before: RunState | None, state: RunState) -> None:
        """Brings the store up to date.

        That costs history: while nothing but what was spent changes, the store follows in steps.
        """
        old, new = self._known(before) if before else None, facts(state)
        self._last = state, new
        if workflow.patched("money-in-steps"):
            changed = new if old is None or (old != new and _news(old) != _news(new)) else {}
        else:
            changed = {name: value for name, value in new.items() if not old or old[name] != value}
        if changed:
            _upsert(changed, permitted=state.spec.search_attributes)

    def _known(self, state: RunState) -> Facts:
        """Of the state that was shown last they are at hand."""
        return self._last[1] if self._last and self._last[0] is state else facts(state)


def facts(state: RunState) -> Facts:
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


def _upsert(changed: Facts, *, permitted: bool) -> None:
    if not permitted:
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


def _news(known: Facts) -> dict[str, object]:
    """What is worth an event of history when it changes."""
    spent = known[DOLLARS.name] or known[TOKENS.name] or 0.0
    return {**known, DOLLARS.name: None, TOKENS.name: None, "spent": _step(float(spent))}


def _step(value: float) -> tuple[int, int]:
    """The quarter of a decimal digit that the value has reached: the same on every machine, unlike a logarithm."""
    mantissa, exponent = f"{value:.3e}".split("e")
    return int(exponent), int(float(mantissa) * 4)
