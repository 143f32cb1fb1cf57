"""What well-known keys of a config do, and the neighbours of a config. Pure: a config is a mapping from YAML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from activities.workspace.yamls import NotYaml, read_yaml

Config = dict[str, Any]
Lean = Literal["more", "less"] | None  # capacity to add, to take away, or no opinion


@dataclass(frozen=True)
class Knob:
    """A number to turn. `capacity` is +1 if more of it fits the training data more closely, -1 if less so."""

    names: tuple[str, ...]
    factor: float
    low: float
    high: float
    capacity: int
    cost: float = 0.0  # how training time grows with it: 1 in proportion
    by_curve: bool = False  # turned only where the learning curves ask for it: early stopping sees to it otherwise


# in the order in which they are worth turning
KNOBS = (
    Knob(("num_leaves", "max_leaf_nodes", "leaves"), 1.8, 4, 1_024, +1, 0.5),
    Knob(("min_data_in_leaf", "min_child_samples", "min_samples_leaf", "min_rows"), 1.8, 1, 5_000, -1),
    Knob(("feature_fraction", "colsample_bytree", "colsample", "max_features"), 1.35, 0.1, 1.0, +1),
    Knob(("learning_rate", "lr", "rate"), 1.7, 1e-5, 1.0, +1, -0.5),
    Knob(("dropout",), 1.5, 0.02, 0.7, -1),
    Knob(("hidden", "width", "hidden_size"), 1.5, 8, 2_048, +1, 0.8),
    Knob(("C", "c"), 2.0, 1e-4, 1e4, +1),
    Knob(("alpha", "l2", "reg_lambda", "lambda_l2", "lambda", "weight_decay", "ridge"), 2.5, 1e-8, 1e4, -1),
    Knob(("gamma",), 2.0, 1e-6, 1e3, +1),
    Knob(("max_depth", "depth"), 1.4, 2, 30, +1, 0.5),
    Knob(("iterations", "rounds", "num_boost_round"), 1.6, 20, 50_000, +1, 1.0, by_curve=True),
    Knob(("epochs", "max_epochs", "max_iter"), 1.6, 2, 2_000, +1, 1.0, by_curve=True),
    Knob(("n_estimators", "trees"), 1.6, 20, 4_000, +1, 1.0),
    Knob(("bags",), 1.7, 1, 5, 0, 1.0),  # members of one fold each, of five
    Knob(("refit_seeds", "seeds"), 1.7, 1, 8, 0, 1.0),
    Knob(("bagging_fraction", "subsample"), 1.25, 0.3, 1.0, +1),
    Knob(("l1", "reg_alpha", "lambda_l1"), 2.5, 1e-8, 1e3, -1),
)
BY_NAME: Mapping[str, Knob] = {name: knob for knob in KNOBS for name in knob.names}
SMALLER_COST = 0.34
FEATURES = "features_"  # keys that list columns by kind
PLAIN = ("features_number", "features_category")
NO_FEATURES = ("refit", "clip")  # flags that switch no feature
LONGEST_WORD = 60  # characters of one value, in words for people


def read(text: str) -> Config | None:
    """A YAML mapping; None where the text is none."""
    try:
        value = read_yaml(text)
    except NotYaml:
        return None
    return value if isinstance(value, dict) else None


def dump(config: Mapping[str, Any]) -> str:
    """The same bytes for the same config."""
    return yaml.safe_dump(dict(config), sort_keys=True, allow_unicode=True, default_flow_style=None, width=10_000)


def merge(config: Mapping[str, Any], change: Mapping[str, Any]) -> Config:
    """The config with a change laid over it; nested mappings are merged."""
    merged = dict(config)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def difference(config: Mapping[str, Any], base: Mapping[str, Any]) -> Config:
    """The change that makes `config` out of `base`; keys that `config` lacks are left alone."""
    changed: Config = {}
    for key, value in config.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = difference(value, old)
            if inner:
                changed[key] = inner
        elif key not in base or old != value:
            changed[key] = value
    return changed


def words(change: Mapping[str, Any]) -> str:
    """A change for people: `learning_rate=0.03, num_leaves=31`."""
    return ", ".join(f"{'.'.join(path)}={_plain(value)}" for path, value in _leaves(change)) or "no change"


def _plain(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_WORD else f"{text[:LONGEST_WORD]}…"


def _leaves(config: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key in config:
        value = config[key]
        if isinstance(value, dict):
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _turnable(config: Mapping[str, Any]) -> list[tuple[tuple[str, ...], float, Knob]]:
    found = []
    for path, value in _leaves(config):
        knob = BY_NAME.get(path[-1])
        number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        if knob is not None and number:
            found.append((path, value, knob))
    return sorted(found, key=lambda item: (KNOBS.index(item[2]), item[0]))


def neighbours(config: Mapping[str, Any], lean: Lean) -> list[Config]:
    """Changes of one number each; what goes the way that the learning curves ask for comes first."""
    first: list[Config] = []
    second: list[Config] = []
    for path, value, knob in _turnable(config):
        for way in (+1, -1):
            turned = _turn(value, knob, way)
            fewer = knob.capacity == 0 and way < 0  # fewer members only make chance larger
            if turned is None or fewer or (knob.by_curve and _way(lean) != way * knob.capacity):
                continue
            wanted = lean is None or (way * knob.capacity > 0) == (lean == "more")
            (first if wanted else second).append(_at(path, turned))
    return first + second


def _way(lean: Lean) -> int:
    return 0 if lean is None else 1 if lean == "more" else -1


def leans(change: Mapping[str, Any], config: Mapping[str, Any]) -> Lean:
    """Whether a change adds capacity or takes it away, by the knobs it turns; None if by neither."""
    votes = 0.0
    here = dict(_leaves(config))
    for path, value in _leaves(change):
        knob, old = BY_NAME.get(path[-1]), here.get(path)
        numbers = isinstance(value, int | float) and isinstance(old, int | float)
        if knob is not None and numbers and value != old:
            votes += knob.capacity * (1 if value > old else -1)
    return "more" if votes > 0 else "less" if votes < 0 else None


def same_way(change: Mapping[str, Any], config: Mapping[str, Any], gain: tuple[Config, Config]) -> bool:
    """True if the change turns a number further the way that the last gain, from one config to another, turned it."""
    before, after = (dict(_leaves(one)) for one in gain)
    here = dict(_leaves(config))
    for path, value in _leaves(change):
        numbers = [value, here.get(path), before.get(path), after.get(path)]
        if all(isinstance(number, int | float) for number in numbers):
            new, now, old, later = numbers
            if (new - now) * (later - old) > 0:
                return True
    return False


def cost(config: Mapping[str, Any], base: Mapping[str, Any]) -> float:
    """How many times longer training takes than with `base`, by the knobs; never guessed below 1."""
    before = {path: value for path, value, _ in _turnable(base)}
    times = 1.0
    for path, value, knob in _turnable(config):
        old = before.get(path)
        if old:
            times *= (value / old) ** knob.cost
    return max(times, 1.0)


def smaller(config: Mapping[str, Any]) -> Config:
    """A change that makes training much cheaper: what costs in proportion is cut to a third."""
    change: Config = {}
    for path, value, knob in _turnable(config):
        if knob.cost >= 0.5:
            cut = max(value * (SMALLER_COST if knob.cost >= 1.0 else 0.5), knob.low)
            change = merge(change, _at(path, _like(value, cut)))
    return change


def stride(config: Mapping[str, Any], lean: Lean) -> Config:
    """A step with every knob at once towards more or less capacity, further than a neighbour."""
    change: Config = {}
    for path, value, knob in _turnable(config):
        turned = _turn(value, knob, _way(lean) * knob.capacity) if knob.capacity else None
        change = merge(change, _at(path, turned)) if turned is not None else change
    return change


def steadier(config: Mapping[str, Any]) -> Config:
    """A change that averages over more members."""
    change: Config = {}
    for path, value, knob in _turnable(config):
        turned = _turn(value, knob, +1) if knob.capacity == 0 else None
        change = merge(change, _at(path, turned)) if turned is not None else change
    return change


def without_features(config: Mapping[str, Any]) -> Config:
    """A change to what is surest to work: numbers and categories alone, where there are any, and no option on."""
    change: Config = {}
    plain = any(config.get(name) for name in PLAIN)
    for path, value in _leaves(config):
        if value is True and path[-1] not in NO_FEATURES:
            change = merge(change, _at(path, False))
        optional = path[-1].startswith(FEATURES) and path[-1] not in PLAIN
        if optional and plain and isinstance(value, list) and value:
            change = merge(change, _at(path, []))
    return change


def _turn(value: float, knob: Knob, way: int) -> float | int | None:
    turned = min(max(value * knob.factor**way, knob.low), knob.high)
    result = _like(value, turned)
    if isinstance(value, int) and result == value:
        result = value + way
    inside = knob.low <= result <= knob.high
    return result if inside and result != value else None


def _like(value: float, turned: float) -> float | int:
    """An integer stays one; a float is kept readable."""
    return round(turned) if isinstance(value, int) else float(f"{turned:.3g}")


def _at(path: tuple[str, ...], value: Any) -> Config:
    change: Any = value
    for key in reversed(path):
        change = {key: change}
    return dict(change)
