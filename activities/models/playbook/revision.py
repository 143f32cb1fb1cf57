"""Revising a design: another kind of model where this one failed or is clearly beaten, else settings by the curves."""

from dataclasses import dataclass

from activities.models.playbook import curves, knobs
from activities.models.playbook.conversation import Conversation
from activities.models.playbook.knobs import Config
from activities.models.playbook.plan import CONFIG, Plan
from schemas.candidate import Candidate
from schemas.metric import Direction, Score
from schemas.role import DesignRequest
from schemas.tool import Curve, FileList, KnowledgeEntry

METRICS = "metrics.jsonl"
Revised = tuple[KnowledgeEntry, Config, str]


@dataclass(frozen=True)
class Seen:
    """What a revision rests on. `config` is None if no code was written yet; `score` if nothing was scored."""

    old: Plan
    config: Config | None
    score: Score | None
    trained: bool
    curves: tuple[Curve, ...]
    others: tuple[Candidate, ...]

    @classmethod
    def of(cls, conversation: Conversation, request: DesignRequest, old: Plan) -> "Seen":
        file = conversation.file(CONFIG)
        config = knobs.read(file.text) if file is not None and not file.failed else None
        listing = conversation.latest("list_files", FileList)
        path = metrics_path(listing, request.card) if listing is not None else None
        metrics = conversation.file(path) if path is not None else None
        points = curves.of_file(metrics.text, request.task.metric) if metrics and not metrics.failed else []
        best = request.card.best if request.card is not None else None
        score = best.score if best is not None else None
        trained = score is not None or (request.card is None and bool(points))
        return cls(old, config, score, trained, tuple(points), request.others)


def metrics_path(listing: FileList, card: Candidate | None) -> str | None:
    """Of the best training, else of the last that left any."""
    paths = sorted(entry.path for entry in listing.files if entry.path.endswith(METRICS))
    best = card.best.job if card is not None and card.best is not None else None
    return next(
        (path for path in paths if best is not None and f"/{best}/" in f"/{path}"), paths[-1] if paths else None
    )


def revise(seen: Seen, recipes: list[KnowledgeEntry]) -> Revised:
    """The recipe, the settings that lie over its defaults, and the reason."""
    unused = _unused(seen, recipes)
    beaten = _beaten(seen)
    if not seen.trained and unused is not None:
        return unused, {}, f"{seen.old.recipe} gave no score here; {unused.name} is of another kind and fits the data."
    if beaten is not None and unused is not None:
        return unused, {}, f"{beaten} {unused.name}, of another kind, was not tried yet."
    entry = next((recipe for recipe in recipes if recipe.name == seen.old.recipe), recipes[0])
    if entry.name != seen.old.recipe:
        return entry, {}, f"{seen.old.recipe} no longer fits; {entry.name} does."
    return _refine(seen, entry)


def _unused(seen: Seen, recipes: list[KnowledgeEntry]) -> KnowledgeEntry | None:
    taken = {other.family for other in seen.others} | {seen.old.family}
    return next((recipe for recipe in recipes if recipe.family not in taken), None)


def _beaten(seen: Seen) -> str | None:
    """Why this candidate has no chance as it is: another one's whole interval is better."""
    if seen.score is None:
        return None
    for other in seen.others:
        theirs = other.best.score if other.best is not None else None
        if theirs is not None and apart(theirs, seen.score):
            return f"Candidate {other.number} has {theirs.value:.4g}, clearly better than {seen.score.value:.4g}."
    return None


def apart(better: Score, worse: Score) -> bool:
    """True if the intervals do not overlap."""
    higher = better.metric.direction is Direction.HIGHER
    return better.low > worse.high if higher else better.high < worse.low


def _refine(seen: Seen, entry: KnowledgeEntry) -> Revised:
    """What was tuned is kept; on top a larger step than a tuner takes."""
    here = seen.config if seen.config is not None else knobs.merge(entry.config, seen.old.config)
    finding, numbers = curves.reading(seen.curves)
    if not seen.trained:
        change = knobs.merge(knobs.smaller(here), knobs.without_features(here))
        reason = f"{entry.name} gave no score, and no other kind fits: the same, smaller and plainer."
    elif finding == "overfitting":
        change, reason = knobs.stride(here, "less"), f"The curves overfit ({numbers}): less capacity."
    elif finding == "underfitting":
        change, reason = (
            knobs.stride(here, "more"),
            f"The curves still improve at their end ({numbers}): more capacity.",
        )
    else:
        change, reason = knobs.steadier(here), f"The curves are settled ({numbers}): more members against chance."
    return entry, knobs.difference(knobs.merge(here, change), entry.config), reason
