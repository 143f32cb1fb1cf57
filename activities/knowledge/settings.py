"""What each recipe's configuration is for given data, what to try next, and how promising it is."""

from dataclasses import dataclass
from typing import Any

from activities.knowledge import features
from schemas.profile import DataProfile
from schemas.task import Task

Config = dict[str, Any]

# How finely a model sees where a row lies in time. The mean over the three did best on days held out of every month,
# in blocks as long as the test's, and on whole months held out.
VIEWS = [
    ["year", "dayofyear", "elapsed", "weekday", "weekend", "hour"],
    ["year", "weekday", "weekend", "hour"],
    ["year", "month", "monthindex", "dayofyear", "elapsed", "weekday", "weekend", "hour"],
]


@dataclass(frozen=True)
class Settled:
    """`promise` orders recipes for this data; `cost` is the rough training time against the cheapest."""

    config: Config
    trials: tuple[Config, ...]
    why: str
    promise: float
    cost: float
    fits: bool = True


@dataclass(frozen=True)
class Facts:
    """What the settings turn on."""

    rows: int
    classes: int  # 0 for numbers
    text: bool  # free text is what the rows consist of
    numbers: bool
    sequence: bool
    timed: bool  # test rows lie apart in time, and a date says where

    @classmethod
    def of(cls, profile: DataProfile, task: Task) -> "Facts":
        numbers = any(features.has(profile, task, kind) for kind in ("number", "date", "category"))
        return cls(
            rows=profile.rows,
            classes=features.classes(profile, task),
            text=features.prose(profile, task),
            numbers=numbers,
            sequence=features.has(profile, task, "sequence"),
            timed=task.split.kind == "time" and features.has(profile, task, "date"),
        )

    @property
    def small(self) -> bool:
        return self.rows < 3000


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
        "refit_seeds": 1,
        "target_transform": features.transform(profile, task),
        "parts": features.parts(profile, task),
        "clip": True,
        **features.column_lists(profile, task),
    }


def boosted(profile: DataProfile, task: Task) -> Settled:
    facts = Facts.of(profile, task)
    many = facts.classes > 10
    config = common(profile, task) | {
        "bags": 5 if facts.small else 3,
        "date_views": VIEWS if facts.timed else None,
        "learning_rate": 0.03 if facts.small else 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 8 if facts.small else 20,
        "feature_fraction": 0.3 if facts.sequence else 0.6 if facts.small else 0.8,
        "bagging_fraction": 0.8,
        "lambda_l2": 1.0,
        "rounds": 300 if many else 2000,
        "early_stopping_rounds": 20 if many else 100,
        "max_categories": 200,
        "text_dimensions": 50,
    }
    trials: list[Config] = [
        {"num_leaves": 31, "learning_rate": 0.04, "note": "larger trees"},
        {"feature_fraction": 0.4, "note": "trees that see fewer columns differ more"},
        {"learning_rate": 0.02, "note": "smaller steps"},
        {"num_leaves": 8, "note": "smaller trees"},
        {"bags": 5, "note": "more members"},
        {"lambda_l2": 10.0, "min_data_in_leaf": 40, "note": "smoother leaves"},
        {"refit": True, "refit_seeds": 3, "note": "all rows, for as long as the folds found best"},
    ]
    if facts.timed:
        coarse = {"date_views": [VIEWS[0], VIEWS[1]], "note": "time of day and season, without the month's own level"}
        trials.insert(1, coarse)
    slow = facts.text and facts.classes > 20
    why = "strong on tables of any kind, and blind to no interaction"
    if slow:
        why = "a tree for each class in every round, on texts reduced to few numbers: slow and weak here"
    return Settled(config, _new(trials, config), why, 0.4 if facts.text else 0.9, 3.0, fits=not slow)


def linear(profile: DataProfile, task: Task) -> Settled:
    facts = Facts.of(profile, task)
    config = common(profile, task) | {
        "bags": 3 if facts.small else 1,
        "refit": True,
        "classifier": "svm" if facts.text else "logistic",
        "classes_c": [0.5] if facts.text else [0.03, 0.3, 3.0],
        "values_alpha": [1.0, 10.0, 100.0],
        "spline_knots": 0 if facts.text else 6,
        "crosses": 0 if facts.text else 40,
        "number_scale": 0.1 if facts.text else 1.0,
        "word_scale": 1.5,
        "word_ngrams": [1, 2],
        "char_ngrams": [2, 5],
        "text_min_rows": 1,
        "text_features": 200_000,
    }
    if not facts.text:
        config |= {"word_ngrams": None, "char_ngrams": [2, 4], "text_min_rows": 3}
    words: list[Config] = [
        {"word_scale": 2.0, "note": "whole words count more than runs of characters"},
        {"classes_c": [1.0], "note": "a weaker penalty"},
        {"char_ngrams": [3, 6], "note": "longer runs of characters"},
        {"word_ngrams": [1, 3], "note": "three words in a row"},
        {"classifier": "logistic", "classes_c": [10.0], "note": "probabilities by design"},
    ]
    table: list[Config] = [
        {"spline_knots": 12, "note": "more bends"},
        {"crosses": 120, "note": "more pairs of columns"},
        {"spline_knots": 4, "crosses": 10, "note": "fewer bends and pairs"},
        {"values_alpha": [0.1, 1.0], "classes_c": [10.0, 30.0], "note": "a weaker penalty"},
    ]
    why = "rare words decide, and a wide linear model weighs each of them" if facts.text else "a smooth, fast baseline"
    return Settled(config, _new(words if facts.text else table, config), why, 0.9 if facts.text else 0.5, 1.0)


def extra_trees(profile: DataProfile, task: Task) -> Settled:
    facts = Facts.of(profile, task)
    config = common(profile, task) | {
        "bags": 3 if facts.small else 1,
        "refit": True,
        "date_views": VIEWS if facts.timed else None,
        "trees": 180,
        "min_rows": 1 if facts.small else 2,
        "max_features": 0.3 if facts.sequence else 0.7,
        "text_dimensions": 60,
    }
    trials: list[Config] = [
        {"max_features": 1.0, "note": "each cut picks from all columns"},
        {"max_features": 0.4, "note": "trees that differ more"},
        {"min_rows": 4, "note": "smoother trees"},
        {"trees": 360, "note": "more trees"},
    ]
    why = "random cuts err unlike boosting, which makes it a good second opinion"
    fits = not (facts.text and facts.classes > 20)
    return Settled(config, _new(trials, config), why, 0.6 if facts.numbers and not facts.text else 0.3, 2.0, fits=fits)


def network(profile: DataProfile, task: Task) -> Settled:
    facts = Facts.of(profile, task)
    config = common(profile, task) | _shape(facts)
    words: list[Config] = [
        {"token_dropout": 0.6, "note": "more tokens are left out"},
        {"token_size": 192, "hidden": 384, "note": "wider"},
        {"epochs": 10, "note": "longer"},
        {"text_min_rows": 2, "note": "fewer rare tokens"},
        {"refit_seeds": 5, "note": "more members"},
    ]
    table: list[Config] = [
        {"dropout": 0.2, "note": "more dropout"},
        {"learning_rate": 0.001, "note": "a lower rate"},
        {"hidden": 384, "note": "wider"},
        {"epochs": 50, "note": "longer"},
        {"number_bins": 16, "note": "numbers in finer bins"},
    ]
    why = "learns all targets together and its own features, where smooth beats stepwise"
    if facts.text:
        why = "learns what words mean for the classes, and errs unlike counts of them"
    promise = 0.95 if facts.text else 0.7 if facts.rows >= 2000 else 0.45
    return Settled(config, _new(words if facts.text else table, config), why, promise, 4.0)


def _shape(facts: Facts) -> Config:
    """For texts few passes with much left out; for tables many passes over bins and embeddings."""
    tokens = {"token_size": 128, "token_dropout": 0.5, "word_ngrams": [1, 2], "char_ngrams": [3, 5], "text_min_rows": 1}
    if facts.text:
        return tokens | {
            "bags": 1, "refit": True, "refit_seeds": 2, "epochs": 8, "patience": 8, "batch": 64,
            "learning_rate": 0.001, "weight_decay": 0.01, "hidden": 256, "layers": 1, "dropout": 0.45,
            "smoothing": 0.1, "number_bins": 4,
        }  # fmt: skip
    return tokens | {
        "bags": 3, "refit": False, "refit_seeds": 3, "epochs": 40 if facts.small else 25,
        "patience": 12, "batch": 32 if facts.small else 256, "learning_rate": 0.002, "weight_decay": 0.02,
        "hidden": 128 if facts.small else 256, "layers": 2, "dropout": 0.1, "smoothing": 0.0, "number_bins": 8,
        "token_size": 32, "token_dropout": 0.2, "text_min_rows": 5,
    }  # fmt: skip


def kernel(profile: DataProfile, task: Task) -> Settled:
    facts = Facts.of(profile, task)
    config = common(profile, task) | {
        "bags": 1,
        "refit": True,
        "rows_max": 2500,
        "rows_fit": 600,
        "steps": 60,
        "learning_rate": 0.1,
        "text_dimensions": 10,
        "categories_max": 30,
        "sequence_radius": 2,
        "sequence_max_parts": 3000,
        "sequence_min_rows": 2,
    }
    trials: list[Config] = [
        {"rows_fit": 1000, "note": "more rows to find the kernel by"},
        {"sequence_radius": 3, "note": "wider surroundings"},
        {"steps": 120, "note": "a kernel fitted longer"},
        {"text_dimensions": 30, "note": "texts in more dimensions"},
        {"refit_seeds": 2, "rows_max": 2000, "note": "two models on samples of the rows"},
    ]
    why = "exact on few rows: smooth in every number, and by shared parts where there are sequences"
    promise = 0.95 if facts.small and facts.sequence else 0.85 if facts.small else 0.4
    fits = not facts.text and facts.classes <= 20 and facts.rows <= 20_000
    return Settled(config, _new(trials, config), why, promise, 2.5, fits=fits)


def blend(profile: DataProfile, task: Task) -> Settled:
    del profile, task
    return Settled({}, (), "joins trained candidates; it trains nothing itself", 0.0, 1.0, fits=False)


def _new(trials: list[Config], config: Config) -> tuple[Config, ...]:
    """Those that change something."""
    return tuple(
        change for change in trials if any(config.get(key) != value for key, value in change.items() if key != "note")
    )
