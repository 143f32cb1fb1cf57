"""The designer mind: picks an approach of a kind that no other candidate has, or revises by what trainings showed."""

from dataclasses import dataclass

from activities.models.playbook import knobs, plan, revision
from activities.models.playbook.conversation import Conversation
from activities.models.playbook.essay import essay
from activities.models.playbook.plan import CONFIG, PLAN, TRIALS, Plan
from activities.models.playbook.step import Step, use
from schemas.profile import DataProfile
from schemas.role import DesignRequest
from schemas.tool import (
    FileList,
    GiveUp,
    KnowledgeEntry,
    ListFiles,
    ProfileData,
    ReadFile,
    ReportDesign,
    Retrieve,
    Retrieved,
    WriteFile,
)

RESULTS = "results"
BLEND = "blend"  # an entry of the catalogue that joins models, and is none


@dataclass(frozen=True)
class Choice:
    """What is to be done, and why."""

    plan: Plan
    entry: KnowledgeEntry
    reason: str


def next_step(conversation: Conversation) -> Step:
    request = DesignRequest.model_validate(conversation.request)
    if conversation.last("retrieve") is None:
        return _look(request)
    profile = conversation.latest("profile_data", DataProfile)
    found = conversation.latest("retrieve", Retrieved)
    recipes = ranked(found.entries) if found is not None else []
    if profile is None or not recipes:
        return _give_up("no recipe of the catalogue fits this data" if profile else "the data's profile cannot be read")
    metrics = _unread_metrics(conversation, request)
    if metrics is not None:
        return Step("The learning curves say what to change.", (use("read_file", metrics),))
    choice = _choose(conversation, request, recipes)
    written = conversation.last("write_file")
    if written is None:
        text = plan.write(choice.plan, essay(choice.plan, choice.entry, request.task, profile, choice.reason))
        return Step(choice.reason, (use("write_file", WriteFile(path=PLAN, text=text)),))
    return _give_up(written.text[:2_000]) if written.failed else _report(choice)


def ranked(entries: tuple[KnowledgeEntry, ...]) -> list[KnowledgeEntry]:
    """Recipes that fit and make a model by themselves, the best first, one of each family before a second of any."""
    recipes = [
        entry for entry in entries if entry.kind == "recipe" and entry.fits and entry.family and entry.name != BLEND
    ]
    recipes.sort(key=lambda entry: (entry.rank, entry.name))
    firsts: dict[str, KnowledgeEntry] = {}
    for entry in recipes:
        firsts.setdefault(entry.family, entry)
    return [*firsts.values(), *(entry for entry in recipes if firsts[entry.family] is not entry)]


def _look(request: DesignRequest) -> Step:
    facts = (use("profile_data", ProfileData()), use("retrieve", Retrieve()))
    if request.revision is None:
        return Step("What does the data hold, and which recipes fit it?", facts)
    own = tuple(use("read_file", ReadFile(path=name, lines=2_000)) for name in (PLAN, CONFIG, TRIALS))
    listing = use("list_files", ListFiles(path=RESULTS))
    return Step("What was planned here, what came of it, and what else fits the data?", (*own, listing, *facts))


def _unread_metrics(conversation: Conversation, request: DesignRequest) -> ReadFile | None:
    """metrics.jsonl of the best training, or of the last."""
    listing = conversation.latest("list_files", FileList)
    if listing is None:
        return None
    path = revision.metrics_path(listing, request.card)
    wanted = path is not None and conversation.file(path) is None
    return ReadFile(path=path, lines=2_000) if wanted and path is not None else None


def _choose(conversation: Conversation, request: DesignRequest, recipes: list[KnowledgeEntry]) -> Choice:
    file = conversation.file(PLAN)
    old = plan.read(file.text) if file is not None and not file.failed else None
    if old is None:
        return _first(request, recipes)
    seen = revision.Seen.of(conversation, request, old)
    entry, config, reason = revision.revise(seen, recipes)
    approach = _approach(entry)
    parents = tuple(f"{number}@{commit[:12]}" for number, commit in request.parents)
    made = Plan(
        approach=approach,
        family=entry.family,
        recipe=entry.name,
        version=old.version + 1,
        parents=parents,
        config=config,
    )
    return Choice(made, entry, reason)


def _first(request: DesignRequest, recipes: list[KnowledgeEntry]) -> Choice:
    """The k-th candidate takes the k-th family that nobody else has; then a variant of the best recipe."""
    entry = _unused(request, recipes)
    parents = tuple(f"{number}@{commit[:12]}" for number, commit in request.parents)
    if entry is not None:
        config: dict[str, object] = {"seed": request.seed} if request.seed else {}
        made = Plan(approach=_approach(entry), family=entry.family, recipe=entry.name, parents=parents, config=config)
        return Choice(
            made,
            entry,
            f"The recipe {entry.name} has rank {entry.rank} for this data, and no other candidate is of its kind.",
        )
    entry, change = _variant(request, recipes)
    change = {"seed": request.seed + request.candidate, **change}  # errs unlike the recipe's first candidate
    approach = f"{_approach(entry)}, varied"[:400]
    made = Plan(approach=approach, family=entry.family, recipe=entry.name, parents=parents, config=change)
    return Choice(made, entry, f"Every kind of model that fits is taken; {entry.name} with other settings.")


def _unused(request: DesignRequest, recipes: list[KnowledgeEntry]) -> KnowledgeEntry | None:
    families: dict[str, KnowledgeEntry] = {}
    for entry in recipes:
        families.setdefault(entry.family, entry)
    names = list(families)
    used = {other.family for other in request.others if other.family}
    # others that are being designed right now will take the family of their number
    used |= {names[o.number - 1] for o in request.others if not o.family and 0 < o.number <= len(names)}
    own = request.candidate - 1
    order = names[own:] + names[:own]
    return next((families[name] for name in order if name not in used), None)


def _variant(request: DesignRequest, recipes: list[KnowledgeEntry]) -> tuple[KnowledgeEntry, dict[str, object]]:
    """Another recipe of a family that is taken, else the best recipe with one of its own trials."""
    families = {entry.family for entry in recipes}
    extra = max(request.candidate - len(families) - 1, 0)
    seconds = recipes[len(families) :]
    if extra < len(seconds):
        return seconds[extra], {}
    options = [(entry, plan.change_of(trial)) for entry in recipes[:1] for trial in entry.trials]
    if not options:
        return recipes[0], {}
    return options[(extra - len(seconds)) % len(options)]


def _approach(entry: KnowledgeEntry) -> str:
    """The first sentence, which says what the recipe is."""
    return (entry.summary.split(". ")[0].rstrip(".") or entry.name)[:200]


def _report(choice: Choice) -> Step:
    made = choice.plan
    change = f" Set by the plan: {knobs.words(made.config)}." if made.config else ""
    summary = f"{made.approach}. {choice.reason}{change} Designed by rules, without a language model."
    report = ReportDesign(approach=made.approach, family=made.family or "other", summary=summary[:7_900])
    return Step("The plan is written.", (use("report_design", report),))


def _give_up(why: str) -> Step:
    return Step(why, (use("give_up", GiveUp(why=why)),))
