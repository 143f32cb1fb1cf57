"""What each recipe's configuration is for given data, what to try next, and how promising it is."""

from dataclasses import dataclass, field
from typing import Any

from activities.knowledge import features
from schemas.profile import DataProfile
from schemas.task import Task

Config = dict[str, Any]


@dataclass(frozen=True)
class Settled:
    """`promise` orders recipes for this data; `cost` is the rough training time against the cheapest."""

    config: Config
    trials: tuple[Config, ...]
    why: str
    promise: float
    cost: float
    fits: bool = True
    notes: dict[str, str] = field(default_factory=dict)


def common(profile: DataProfile, task: Task) -> Config:
    """What every recipe's configuration begins with."""
    return {
        "seed": 0,
        "time_limit": 600,
        "quick_rows": 2000,
        **features.validation(profile, task),
        "folds": 5,
        "bags": 5,
        "refit": False,
        "target_transform": features.transform(profile, task),
        "parts": features.parts(profile, task),
        "clip": True,
        **features.column_lists(profile, task),
    }


def boosted(profile: DataProfile, task: Task) -> Settled:
    classes = features.classes(profile, task)
    small = profile.rows < 3000
    config = common(profile, task) | {
        "bags": 5 if small else 3,
        "learning_rate": 0.03 if small else 0.05,
        "num_leaves": 15 if small else 31,
        "min_data_in_leaf": 10 if small else 20,
        "feature_fraction": 0.5 if small else 0.8,
        "bagging_fraction": 0.8,
        "lambda_l2": 1.0,
        "rounds": 3000 if classes < 10 else 300,
        "early_stopping_rounds": 100 if classes < 10 else 20,
        "max_categories": 200,
        "text_dimensions": 50,
    }
    trials = (
        {"learning_rate": 0.03, "num_leaves": 63, "note": "slower, with larger trees"},
        {"feature_fraction": 0.4, "note": "trees that differ more"},
        {"num_leaves": 15, "min_data_in_leaf": 40, "note": "simpler trees"},
        {"bags": 5, "note": "more members"},
    )
    text = features.has(profile, task, "text") and not features.has(profile, task, "number")
    slow = text and classes > 20
    why = (
        "as many trees as classes in every round: too slow here"
        if slow
        else "the strongest single model on most tables"
    )
    return Settled(config, trials, why, 0.3 if text else 0.9, 3.0, fits=not slow)


def linear(profile: DataProfile, task: Task) -> Settled:
    text = features.has(profile, task, "text")
    config = common(profile, task) | {
        "bags": 3,
        "refit": True,
        "classifier": "svm" if text else "logistic",
        "classes_c": [0.3, 1.0] if text else [0.03, 0.3, 3.0],
        "values_alpha": [0.3, 3.0, 30.0],
        "spline_knots": 0 if text else 6,
        "number_scale": 0.1 if text else 1.0,
        "word_ngrams": [1, 2],
        "char_ngrams": [2, 5],
        "text_min_rows": 1,
        "text_features": 200_000,
    }
    trials = (
        {"spline_knots": 10, "note": "more bends"},
        {"char_ngrams": [3, 6], "note": "longer runs of characters"},
        {"word_ngrams": [1, 3], "note": "three words in a row"},
        {"classifier": "logistic", "note": "probabilities by design"},
    )
    return Settled(config, trials, "fast, and strong on words and characters", 0.95 if text else 0.5, 1.0)


def extra_trees(profile: DataProfile, task: Task) -> Settled:
    numbers = features.has(profile, task, "number") or features.has(profile, task, "date")
    config = common(profile, task) | {
        "bags": 2,
        "refit": True,
        "trees": 200,
        "min_rows": 2,
        "max_features": 0.6,
        "text_dimensions": 60,
    }
    trials = (
        {"max_features": 0.9, "note": "each cut picks from more columns"},
        {"min_rows": 5, "note": "smoother trees"},
    )
    return Settled(config, trials, "few settings, and errors unlike those of boosting", 0.6 if numbers else 0.2, 2.0)


def network(profile: DataProfile, task: Task) -> Settled:
    text = features.has(profile, task, "text")
    config = common(profile, task) | {
        "bags": 1 if text else 3,
        "refit": text,
        "refit_seeds": 3,
        "epochs": 8 if text else 40,
        "patience": 20,
        "batch": 64 if text else 128,
        "learning_rate": 0.001 if text else 0.002,
        "weight_decay": 0.01,
        "hidden": 256,
        "layers": 1 if text else 2,
        "dropout": 0.4 if text else 0.1,
        "smoothing": 0.1 if text else 0.0,
        "number_bins": 8,
        "token_size": 128,
        "token_dropout": 0.5,
        "word_ngrams": [1, 2],
        "char_ngrams": [3, 5],
        "text_min_rows": 2,
    }
    trials = ({"dropout": 0.2, "note": "less dropout"}, {"epochs": 60, "note": "longer"})
    return Settled(config, trials, "learns all targets together, and its own features of texts", 0.8, 4.0)


def kernel(profile: DataProfile, task: Task) -> Settled:
    config = common(profile, task) | {
        "bags": 2,
        "refit": True,
        "rows_max": 3000,
        "rows_fit": 800,
        "steps": 80,
        "learning_rate": 0.1,
        "text_dimensions": 20,
        "categories_max": 30,
    }
    trials = ({"rows_fit": 1500, "steps": 120, "note": "more rows to find the kernel by"},)
    small = profile.rows <= 3000
    return Settled(
        config, trials, "exact and smooth on few rows", 0.85 if small else 0.3, 2.0, fits=profile.rows <= 20000
    )
