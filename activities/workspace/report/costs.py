"""Time and money by role, and who the roles were."""

from dataclasses import dataclass

from activities.workspace.report import words
from activities.workspace.report.facts import Facts
from schemas.budget import Spend
from schemas.delivery import Estimated, Refitted, Verified
from schemas.event import DeliveryVerified, FallbackUsed, ManagerDecided, RefitEnded, ReportScored
from schemas.role import Role

PLAYBOOK = "playbook"
SEARCH = "greedy search"  # a policy that is code


@dataclass(frozen=True)
class Cost:
    """One line of the table: a role, delivery's own work, or all together."""

    who: str
    calls: int
    failed: int  # attempts
    spend: Spend


def costs(facts: Facts) -> list[Cost]:
    """By role in the order of the work, then delivery, then the sum; roles that did nothing are left out."""
    rows = [cost for role in Role if (cost := _role(facts, role)).calls]
    delivery = _delivery(facts)
    if delivery.spend.job_seconds:
        rows.append(delivery)
    return rows


def total(facts: Facts) -> Cost:
    rows = costs(facts)
    spend = sum((cost.spend for cost in rows), Spend())
    return Cost("all", sum(cost.calls for cost in rows), sum(cost.failed for cost in rows), spend)


def _role(facts: Facts, role: Role) -> Cost:
    asked = [one for one in facts.asked if one.role is role]
    spend = sum((one.spend for one in asked), Spend())
    return Cost(role.value, len(asked), sum(one.failures for one in asked), spend)


def _delivery(facts: Facts) -> Cost:
    """Of every choice: one that failed its check was worked on as well."""
    parts: list[Estimated | Refitted | Verified] = [event.estimated for _, event in facts.all(ReportScored)]
    parts += [event.refitted for _, event in facts.all(RefitEnded)]
    parts += [event.verified for _, event in facts.all(DeliveryVerified)]
    parts += [facts.delivering.verified] if facts.delivering else []
    seconds = [part.job_seconds for part in parts if part.job_seconds]
    return Cost("delivery", len(seconds), 0, Spend(jobs=len(seconds), job_seconds=sum(seconds)))


def limits(facts: Facts) -> list[tuple[str, str, str]]:
    """Each limit of the budget that was set: its name, what was used, what was allowed."""
    budget, spend = facts.budget, total(facts).spend
    if not budget:
        return []
    time = (facts.until - facts.started).total_seconds() if facts.until and facts.started else 0.0
    found = [("Wall time", words.duration(time), words.duration(budget.seconds))]
    if budget.training_seconds is not None:
        longest = max((training.trial.seconds for training in facts.trainings), default=0.0)
        found.append(("One training", f"at most {words.duration(longest)}", words.duration(budget.training_seconds)))
    if budget.agent_calls is not None:
        found.append(("Calls of roles", str(len(facts.invocations)), str(budget.agent_calls)))
    if budget.dollars is not None:
        found.append(("Money", words.dollars(spend.dollars), words.dollars(budget.dollars)))
    if budget.tokens is not None:
        found.append(("Tokens", words.count(spend.usage.tokens), words.count(budget.tokens)))
    return found


def models(facts: Facts) -> dict[str, list[str]]:
    """Models, and the roles that used each: as recorded, else as the settings name them."""
    used: dict[str, set[Role]] = {}
    for turn in facts.turns:
        used.setdefault(_decider(facts, turn.event), set()).add(Role.MANAGER)
    for one in facts.asked:
        if one.model is not None:
            used.setdefault(one.model.name, set()).add(one.role)
    for _, event in facts.all(FallbackUsed):
        used.setdefault(event.used, set()).add(event.role)
    if not used and facts.spec:
        for role in Role:
            used.setdefault(facts.spec.model_for(role).name, set()).add(role)
    return {name: [role.value for role in Role if role in used[name]] for name in sorted(used)}


def _decider(facts: Facts, turn: ManagerDecided) -> str:
    """A turn records its policy: `agent` stands for the manager's own model, another name for code."""
    if turn.policy in ("", "agent"):
        if turn.model is not None:
            return turn.model.name
        return facts.spec.model_for(Role.MANAGER).name if facts.spec else PLAYBOOK
    return SEARCH if turn.policy == "greedy" else turn.policy


def no_language_model(facts: Facts) -> bool:
    return set(models(facts)) <= {PLAYBOOK, SEARCH}
