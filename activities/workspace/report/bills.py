"""What language models cost: by role, candidate, model and invocation; what the cache and routing saved."""

from collections.abc import Iterable
from dataclasses import dataclass

from activities.errors import BadInput
from activities.models.prices import PriceList, price_list
from activities.workspace.report import costs
from activities.workspace.report.calls import ModelCall
from activities.workspace.report.facts import Facts
from schemas.budget import Spend, Usage
from schemas.event import FallbackUsed
from schemas.role import ModelChoice, Role

SHARED = "all candidates together"


@dataclass(frozen=True)
class Bill:
    """One line: who, and what it came to."""

    who: str
    spend: Spend

    @property
    def cached(self) -> float | None:
        """The share of input that was read from the cache; None without input."""
        return cached(self.spend.usage)


@dataclass(frozen=True)
class Player:
    """A role, with a model that played it, and how often."""

    role: Role
    choice: ModelChoice
    invocations: int


@dataclass(frozen=True)
class Routed:
    """An invocation that routing gave a cheaper model. Dollars are None where a price is unknown."""

    invocation: str
    choice: ModelChoice
    dollars: float | None
    instead: float | None  # what the same tokens cost with the model that the role would have had

    @property
    def saved(self) -> float | None:
        return None if self.dollars is None or self.instead is None else self.instead - self.dollars


def cached(usage: Usage) -> float | None:
    read = usage.tokens - usage.output_tokens
    return usage.cache_read_tokens / read if read else None


def by_role(facts: Facts) -> list[Bill]:
    return _paid(Bill(cost.who, cost.spend) for cost in costs.costs(facts))


def by_candidate(facts: Facts) -> list[Bill]:
    """A line for each candidate, then what served them all: manager, setup, aggregator."""
    spends: dict[int | None, Spend] = {}
    for one in facts.asked:
        spends[one.candidate] = spends.get(one.candidate, Spend()) + one.spend
    shared = Bill(SHARED, spends.pop(None, Spend()))
    lines = [Bill(f"candidate {number}", spends[number]) for number in sorted(n for n in spends if n is not None)]
    return _paid([*lines, shared])


def by_invocation(facts: Facts) -> list[Bill]:
    """In the order of their start, the manager's turns among them."""
    return _paid(Bill(one.name, one.spend) for one in facts.asked)


def by_model(facts: Facts) -> list[Bill]:
    """By the model that was asked, as far as journals are there."""
    spends: dict[str, Spend] = {}
    for call in facts.calls:
        spends[call.model] = spends.get(call.model, Spend()) + _spend(call)
    return [Bill(name, spends[name]) for name in sorted(spends)]


def players(facts: Facts) -> list[Player]:
    """Who played each role, with effort and fallback."""
    played: dict[tuple[Role, ModelChoice], int] = {}
    for one in facts.asked:
        if one.model is not None:
            plain = one.model.model_copy(update={"routed": "", "instead_of": None})
            played[one.role, plain] = played.get((one.role, plain), 0) + 1
    order = list(Role)
    found = [Player(role, choice, count) for (role, choice), count in played.items()]
    return sorted(found, key=lambda player: (order.index(player.role), -player.invocations, player.choice.name))


def fallbacks(facts: Facts) -> list[FallbackUsed]:
    return [event for _, event in facts.all(FallbackUsed)]


def routed(facts: Facts) -> list[Routed]:
    """What routing gave a cheaper model, and what the same tokens would have cost with the role's own."""
    prices = _prices()
    return [
        Routed(one.name, model, one.spend.dollars, _instead(facts, prices, one.name, model.instead_of, one.spend))
        for one in facts.asked
        if (model := one.model) is not None and model.instead_of is not None
    ]


def saved(lines: Iterable[Routed]) -> float | None:
    """All together; None once any of it is not known."""
    total = 0.0
    for line in lines:
        if line.saved is None:
            return None
        total += line.saved
    return total


def _instead(facts: Facts, prices: PriceList | None, name: str, model: str, spend: Spend) -> float | None:
    """Call by call where the journal is there, since long prompts may cost more."""
    if prices is None:
        return None
    usages = [call.usage for call in facts.calls if call.invocation == name] or [spend.usage]
    amounts = [prices.dollars(model, usage) for usage in usages]
    return None if any(amount is None for amount in amounts) else sum(amount or 0.0 for amount in amounts)


def _prices() -> PriceList | None:
    try:
        return price_list()
    except BadInput:  # a file of one's own that is wrong leaves prices unknown, and the report whole
        return None


def _paid(bills: Iterable[Bill]) -> list[Bill]:
    return [bill for bill in bills if bill.spend.usage.tokens or bill.spend.lost_calls or bill.spend.dollars is None]


def _spend(call: ModelCall) -> Spend:
    if call.outcome == "lost":
        return Spend(lost_calls=1)
    return Spend(
        usage=call.usage,
        dollars=call.dollars,
        model_calls=int(call.outcome == "answered"),
        model_seconds=call.seconds,
    )
