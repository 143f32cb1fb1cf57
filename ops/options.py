"""Settings and budget of a run, from defaults, flags and `--set key=value`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from activities.errors import BadInput
from activities.workspace.yamls import NotYaml, read_yaml
from ops.asked import Spec
from ops.least import check_budget
from ops.settings import Settings
from ops.words import nearest
from schemas.budget import Budget
from schemas.run import RunSettings, RunSpec

DEFAULT_MINUTES = 60.0
Model = TypeVar("Model", bound=BaseModel)
KEYS: dict[str, type[BaseModel]] = {
    **dict.fromkeys(RunSettings.model_fields, RunSettings),
    **dict.fromkeys(Budget.model_fields, Budget),
}
FLAGS = {
    "seconds": "--minutes",
    "training_seconds": "--run-budget-minutes",
    "agent_calls": "--max-agent-calls",
    "dollars": "--max-dollars",
    "tokens": "--max-tokens",
    "web": "--no-web",
}


@dataclass
class Given:
    """Values by key, and under which name a person gave each: errors speak of that."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, value: object, name: str) -> None:
        """The value of a key, or of one part of it: `models.tuner`. Raises BadInput for a key without parts."""
        head, dot, part = key.partition(".")
        if dot:
            inner = self.values.get(head) or {}
            if get_origin(KEYS[head].model_fields[head].annotation) is not dict or not isinstance(inner, dict):
                raise BadInput(f"--set {key}: {head!r} has no parts")
            value = {**inner, part: value}
        self.values[head] = value
        self.names[key] = name

    def name(self, *where: object) -> str:
        """How the person named the value in this place."""
        whole, head = ".".join(map(str, where)), str(where[0])
        return self.names.get(whole) or self.names.get(head) or whole


def spec_of(
    settings: Settings, flags: Mapping[str, object], sets: Iterable[str], recorded: RunSpec | None = None
) -> Spec:
    """Defaults of the home folder, then what a recorded run had, then flags that were given, then `--set`.

    Raises BadInput, which names what is wrong as the person gave it.
    """
    given = Given({"seconds": DEFAULT_MINUTES * 60})
    for key, value in _known(settings.run).items():
        given.put(key, value, f"`{key}` (under `run` in the home folder's settings.yaml)")
    if settings.model:
        given.put("model", settings.model, f"AIBUILDAI_MODEL (or `model` in {settings.home / 'settings.yaml'})")
    if recorded is not None:
        given.values.update(recorded.settings.model_dump(exclude={"record", "replay"}), **recorded.budget.model_dump())
    for key, value in flags.items():
        if value is not None:
            given.put(key, value, FLAGS.get(key) or f"--{key.replace('_', '-')}")
    for item in sets:
        key, value = parse(item)
        given.put(key, value, f"--set {key}")
    budget = _made(Budget, given)
    check_budget(budget, given.name)
    return Spec(_made(RunSettings, given), budget)


def parse(item: str) -> tuple[str, Any]:
    """`key=value`, the value as in YAML."""
    key, equals, text = item.partition("=")
    key = key.strip()
    if not equals:
        raise BadInput(f"--set {item}: expected key=value")
    if key.partition(".")[0] not in KEYS:
        raise BadInput(f"--set {item}: unknown setting {key!r}; {nearest(key, KEYS)}")
    try:
        return key, read_yaml(text)
    except NotYaml as error:
        raise BadInput(f"--set {item}: {text!r} is not a value: {error}") from error


def _known(defaults: Mapping[str, Any]) -> dict[str, Any]:
    for key in defaults:
        if key not in KEYS:
            raise BadInput(f"`run` in the home folder's settings.yaml: unknown setting {key!r}; {nearest(key, KEYS)}")
    return dict(defaults)


def _made(model: type[Model], given: Given) -> Model:
    try:
        return model.model_validate({key: value for key, value in given.values.items() if KEYS[key] is model})
    except ValidationError as error:
        problems = [_problem(given, item["loc"], item["msg"], item["input"]) for item in error.errors()]
        raise BadInput("; ".join(problems)) from error


def _problem(given: Given, where: tuple[int | str, ...], message: str, value: object) -> str:
    named = [part for part in where if part != "[key]"]  # pydantic's word for a key that is no role
    return f"{given.name(*named)}: {message}, not {value!r}"
