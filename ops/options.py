"""Settings and budget of a run, from defaults, flags and `--set key=value`."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from activities.errors import BadInput
from ops.asked import Spec
from ops.settings import Settings
from ops.words import nearest
from schemas.budget import Budget
from schemas.run import RunSettings

LEAST_SECONDS = 60.0  # below this, no candidate can be designed, coded, trained and delivered
DEFAULT_MINUTES = 60.0
LEAST_CALLS = 5  # one of each working role
LEAST_TRAINING_SECONDS = 5.0  # below this nothing is trained
Model = TypeVar("Model", bound=BaseModel)
KEYS: dict[str, type[BaseModel]] = {
    **dict.fromkeys(RunSettings.model_fields, RunSettings),
    **dict.fromkeys(Budget.model_fields, Budget),
}


def spec_of(settings: Settings, flags: Mapping[str, object], sets: Iterable[str]) -> Spec:
    """Defaults of the home folder, then flags that were given, then `--set`; BadInput names the key that is wrong."""
    values: dict[str, Any] = {"seconds": DEFAULT_MINUTES * 60, **_known(settings.run)}
    if settings.model:
        values["model"] = settings.model
    values.update({key: value for key, value in flags.items() if value is not None})
    for item in sets:
        key, value = parse(item)
        _put(values, key, value)
    budget = _made(Budget, values)
    _sensible(budget)
    return Spec(_made(RunSettings, values), budget)


def parse(item: str) -> tuple[str, Any]:
    """`key=value`, the value as in YAML."""
    key, equals, text = item.partition("=")
    key = key.strip()
    if not equals:
        raise BadInput(f"--set {item}: expected key=value")
    if key.partition(".")[0] not in KEYS:
        raise BadInput(f"--set {item}: unknown setting {key!r}; {nearest(key, KEYS)}")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"--set {item}: {text!r} is not a value: {' '.join(str(error).split())}") from error


def _known(defaults: Mapping[str, Any]) -> dict[str, Any]:
    for key in defaults:
        if key not in KEYS:
            raise BadInput(f"`run` in the home folder's settings.yaml: unknown setting {key!r}; {nearest(key, KEYS)}")
    return dict(defaults)


def _put(values: dict[str, Any], key: str, value: object) -> None:
    head, dot, rest = key.partition(".")
    if not dot:
        values[key] = value
        return
    inner = values.get(head) or {}
    if KEYS[head].model_fields[head].annotation not in _mappings() or not isinstance(inner, dict):
        raise BadInput(f"--set {key}: {head!r} has no parts")
    values[head] = {**inner, rest: value}


def _mappings() -> tuple[Any, ...]:
    return (RunSettings.model_fields["models"].annotation,)


def _made(model: type[Model], values: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate({key: value for key, value in values.items() if KEYS[key] is model})
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}, not {item['input']!r}" for item in error.errors()
        ]
        raise BadInput(f"setting {'; '.join(problems)}") from error


def _sensible(budget: Budget) -> None:
    for key, value in budget:
        if value is not None and not math.isfinite(value):
            raise BadInput(f"setting {key}: {value} is not an amount; leave it out for no limit")
    if budget.seconds < LEAST_SECONDS:
        raise BadInput(
            f"a budget of {budget.seconds:g} s is too small to build anything: give at least "
            f"{LEAST_SECONDS / 60:g} minute with --minutes"
        )
    for key in ("training_seconds", "agent_calls", "dollars", "tokens"):
        value = getattr(budget, key)
        if value is not None and value <= 0:
            raise BadInput(f"a budget of {value:g} for {key} is too small to do anything: leave it out for no limit")
    if budget.training_seconds is not None and budget.training_seconds < LEAST_TRAINING_SECONDS:
        raise BadInput(
            f"trainings of {budget.training_seconds:g} s at most are too short to learn anything: give at least "
            f"{LEAST_TRAINING_SECONDS:g} s with --set training_seconds={LEAST_TRAINING_SECONDS:g}, or with "
            "--run-budget-minutes"
        )
    if budget.agent_calls is not None and budget.agent_calls < LEAST_CALLS:
        raise BadInput(
            f"{budget.agent_calls} agent calls are too few: each of the five working roles takes one, "
            f"so give at least {LEAST_CALLS}"
        )
