"""Recipes and strategies, found by what the data is like or by words."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from activities.knowledge import settings
from activities.knowledge.render import render
from schemas.profile import DataProfile
from schemas.task import Task
from schemas.tool import KnowledgeEntry

FOLDER = Path(__file__).parent
SHARED = ("train.py", "inference.py", "tables.py", "progress.py", "metrics.py", "folds.py", "columns.py",
          "sequences.py", "smiles.py", "molecules.py", "targets.py", "decide.py")  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Which files make it up, and what decides its settings."""

    name: str
    family: str
    summary: str
    extra: tuple[str, ...]  # shared modules that only some recipes need
    settle: Callable[[DataProfile, Task], settings.Settled]


RECIPES = (
    Recipe(
        "boosted",
        "boosted trees",
        "Gradient boosted trees (LightGBM) on numbers, categories, dates and reduced texts; one member per fold.",
        ("matrix.py",),
        settings.boosted,
    ),
    Recipe(
        "linear",
        "linear",
        "Ridge, logistic regression or a linear SVM on wide features: splines, one-hot, words and characters.",
        ("design.py",),
        settings.linear,
    ),
    Recipe(
        "extra_trees",
        "randomised trees",
        "Extremely randomised trees, averaged; all numbers are learnt by the same trees.",
        ("matrix.py",),
        settings.extra_trees,
    ),
    Recipe(
        "network",
        "neural network",
        "A PyTorch network: embeddings of categories, bins of numbers, weighted bags of words and characters.",
        (),
        settings.network,
    ),
    Recipe(
        "kernel",
        "kernel",
        "Gaussian process with a length for each number and a kernel of shared parts, fitted by likelihood.",
        (),
        settings.kernel,
    ),
)
BLEND = Recipe(
    "blend",
    "blend",
    "Joins trained candidates: an inference.py that runs each member's, and takes a mean, ranks or votes.",
    (),
    settings.blend,
)


def entries(profile: DataProfile, task: Task) -> tuple[KnowledgeEntry, ...]:
    """Every recipe that trains, without files: those that fit first, the most promising of them at the top."""
    settled = [(recipe, recipe.settle(profile, task)) for recipe in RECIPES]
    settled.sort(key=lambda pair: (not pair[1].fits, -pair[1].promise))
    return tuple(
        _entry(recipe, found).model_copy(update={"rank": rank if found.fits else 0})
        for rank, (recipe, found) in enumerate(settled, start=1)
    )


def entry(name: str, profile: DataProfile, task: Task) -> KnowledgeEntry:
    """One recipe or strategy with its files; KeyError if there is none of that name."""
    if name == BLEND.name:
        return _entry(BLEND, BLEND.settle(profile, task)).model_copy(update={"files": _own_files(BLEND)})
    for found in entries(profile, task):
        if found.name == name:
            recipe = next(recipe for recipe in RECIPES if recipe.name == name)
            return found.model_copy(update={"files": _files(recipe) | {"config.yaml": render(found.config)}})
    for strategy in _strategies():
        if strategy.name == name:
            return strategy
    raise KeyError(name)


def search(query: str, profile: DataProfile, task: Task) -> tuple[KnowledgeEntry, ...]:
    """Recipes and then the three best strategies that hold the query's words; every entry for an empty query."""
    words = set(re.findall(r"[a-z0-9]{3,}", query.lower()))
    every = (*entries(profile, task), _entry(BLEND, BLEND.settle(profile, task)))
    recipes = [item for item in every if not words or _hits(item, words)]
    advice = sorted(_strategies(), key=lambda item: -_hits(item, words))
    advice = [item for item in advice if not words or _hits(item, words)]
    return tuple(recipes + advice[: 3 if words else None])


def _entry(recipe: Recipe, settled: settings.Settled) -> KnowledgeEntry:
    return KnowledgeEntry(
        name=recipe.name,
        kind="recipe",
        family=recipe.family,
        summary=recipe.summary,
        fits=settled.fits,
        why=settled.why,
        config=settled.config,
        trials=settled.trials,
        cost=settled.cost,
    )


def _files(recipe: Recipe) -> dict[str, str]:
    files = {name: (FOLDER / "recipes" / "common" / name).read_text("utf-8") for name in SHARED + recipe.extra}
    return files | _own_files(recipe)


def _own_files(recipe: Recipe) -> dict[str, str]:
    own = sorted((FOLDER / "recipes" / recipe.name).glob("*.py"))
    return {path.name: path.read_text("utf-8") for path in own}


def _strategies() -> list[KnowledgeEntry]:
    """Each a Markdown file whose first line is its title and whose second paragraph says what it is about."""
    found = []
    for path in sorted((FOLDER / "strategies").glob("*.md")):
        text = path.read_text("utf-8")
        summary = text.split("\n\n")[1].replace("\n", " ")
        found.append(
            KnowledgeEntry(name=path.stem, kind="strategy", family="advice", summary=summary, files={path.name: text})
        )
    return found


def _hits(item: KnowledgeEntry, words: set[str]) -> int:
    """How often the query's words occur, the name and the summary counting more."""
    head = f"{item.name} {item.family} {item.summary}".lower()
    body = " ".join(item.files.values()).lower() if item.kind == "strategy" else ""
    return sum(5 * head.count(word) + min(body.count(word), 4) for word in words)
