"""The prose of PLAN.md, out of facts: profile, task, catalogue entry. For people; no mind reads it."""

from collections import Counter
from collections.abc import Iterable

from activities.models.playbook import knobs
from activities.models.playbook.plan import Plan, change_of
from schemas.profile import ColumnProfile, DataProfile, TargetProfile
from schemas.task import Task
from schemas.tool import KnowledgeEntry

KINDS = {
    "number": "numbers, as they are; trees get them raw, other models scaled, holes marked",
    "category": "categories; rare ones together, unseen ones allowed",
    "date": "dates, taken apart into hour, day, weekday, month and season",
    "text": "free text, as weighted words and character runs",
    "sequence": "sequences of characters, as descriptors and counts of their pieces",
    "id": "ids, left out",
    "constant": "constants, left out",
}
SMALL, MANY_CLASSES, SKEWED, RARE = 5_000, 20, 1.0, 0.05


def essay(plan: Plan, entry: KnowledgeEntry, task: Task, profile: DataProfile, reason: str) -> str:
    """A design: model, data, training, validation, why this for this data, risks."""
    sections = (
        (f"{plan.approach} for {task.name}", "Designed by the playbook, by rules; no language model was used."),
        ("Model", _sentence(entry.summary)),
        ("Why", " ".join(_sentence(text) for text in (reason, entry.why, _facts(profile)) if text)),
        ("Data", "\n".join(_data(task, profile))),
        ("Training", _training(plan, entry)),
        ("Validation", _validation(task, profile)),
        ("Risks", "\n".join(f"- {risk}" for risk in _risks(task, profile))),
    )
    first, *rest = sections
    return f"# {first[0]}\n\n{first[1]}\n" + "".join(f"\n## {title}\n\n{text}\n" for title, text in rest)


def _sentence(text: str) -> str:
    plain = text.strip().rstrip(".")
    return f"{plain[:1].upper()}{plain[1:]}."


def _facts(profile: DataProfile) -> str:
    counts = Counter(column.kind for column in profile.columns)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    return f"There are {profile.rows} labelled rows; columns by kind: {kinds}."


def _data(task: Task, profile: DataProfile) -> Iterable[str]:
    for kind, words in KINDS.items():
        columns = [column.name for column in profile.columns if column.kind == kind and _used(column, task, profile)]
        if columns:
            yield f"- {', '.join(f'`{name}`' for name in columns[:12])}{' and more' if columns[12:] else ''}: {words}."
    if task.train_only:
        names = ", ".join(f"`{name}`" for name in task.train_only)
        yield f"- {names}: not there when predicting, so never a feature."
    for target in profile.targets:
        yield f"- target `{target.name}`: {_target(target)}."


def _used(column: ColumnProfile, task: Task, profile: DataProfile) -> bool:
    return column.name not in {*task.targets, *profile.train_only}


def _target(target: TargetProfile) -> str:
    if target.kind == "classes":
        share = f", the largest with {target.largest_share:.1%} of the rows" if target.largest_share is not None else ""
        return f"{target.classes} classes{share}; the smallest has {target.smallest_class} rows"
    skew = f", skew {target.skew:.2f}" if target.skew is not None else ""
    span = (
        f"{target.minimum:g} to {target.maximum:g}" if target.minimum is not None and target.maximum is not None else ""
    )
    return f"a number{', ' + span if span else ''}{skew}"


def _training(plan: Plan, entry: KnowledgeEntry) -> str:
    config = knobs.merge(entry.config, plan.config)
    lines = [f"`config.yaml` starts with {knobs.words(config)}."]
    if plan.config:
        lines.append(f"Of these the plan sets {knobs.words(plan.config)}; the rest is the recipe's default.")
    if entry.trials:
        next_ones = "; ".join(knobs.words(change_of(trial)) for trial in entry.trials[:4])
        lines.append(
            f"{len(entry.trials)} changes are worth trying, first: {next_ones}. The tuner keeps what scores better."
        )
    return "\n".join(lines)


def _validation(task: Task, profile: DataProfile) -> str:
    split = task.split
    way = f"{split.folds} folds" if split.folds else f"{split.select:.0%} of the rows held out"
    column = f" by `{split.column}`" if split.column else ""
    own = "grouped" if profile.group_column else "in order of time" if profile.time_column else "at random"
    return (
        f"Decisions rest on the system's {task.metric.name} ({task.metric.direction.value} is better): {way},"
        f" {split.kind}{column}. Inside, training holds out rows of its own {own}, to stop early and to calibrate."
    )


def _risks(task: Task, profile: DataProfile) -> Iterable[str]:
    if profile.rows < SMALL:
        yield f"{profile.rows} rows are few: scores are uncertain, and small gains may be chance."
    for target in profile.targets:
        if target.kind == "number" and target.skew is not None and abs(target.skew) > SKEWED:
            yield f"`{target.name}` is skewed ({target.skew:.2f}): large values may rule the error unless transformed."
        if target.classes is not None and target.classes > MANY_CLASSES:
            yield f"`{target.name}` has {target.classes} classes, some with few rows."
    holes = [column.name for column in profile.columns if column.missing > RARE]
    if holes:
        yield f"values are missing in {', '.join(f'`{name}`' for name in holes[:8])}."
    unseen = [column.name for column in profile.columns if (column.unseen_in_test or 0) > RARE]
    if unseen:
        yield f"rows to predict hold categories that training lacks: {', '.join(f'`{name}`' for name in unseen[:8])}."
    if profile.duplicates:
        yield f"{profile.duplicates} rows are there more than once, and may flatter any score."
    yield f"overfitting to the {task.metric.name} that guides decisions, if many configs are tried."
