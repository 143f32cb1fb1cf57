"""Base models, references, and the canonical form that digests are taken over."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache, partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints


class Record(BaseModel):
    """What history holds: frozen, and open to fields that newer code adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Input(BaseModel):
    """What a person or a model writes: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
AS_IT_IS = frozenset({str, int, float, bool, type(None)})
TAGS = ("kind", "type")  # of unions: a default, and must stay in what is digested
Short = Annotated[str, StringConstraints(max_length=400)]
Text = Annotated[str, StringConstraints(max_length=8_000)]


class RunRef(Record):
    """Where a run lives: its id, and its folder on the store that all its workers share."""

    id: str
    folder: str


def canonical(value: object) -> bytes:
    """Canonical JSON without defaults, so that records written by older code keep their digests."""
    return ENCODER.encode(_plain(value)).encode()


def digest(value: object) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _plain(value: object) -> Any:
    return value if type(value) in AS_IT_IS else _writer(type(value))(value)  # type: ignore[arg-type] # types are hashable


@cache  # a type is looked at once: each event of a run is written in this form
def _writer(kind: type[Any]) -> Callable[[Any], Any]:
    if issubclass(kind, BaseModel):
        return partial(_fields, _defaults(kind))
    if issubclass(kind, Mapping):
        return lambda value: {str(_plain(key)): _plain(item) for key, item in value.items()}
    if issubclass(kind, list | tuple):
        return lambda value: [_plain(item) for item in value]
    if issubclass(kind, datetime):
        return lambda value: value.astimezone(UTC).isoformat()
    if issubclass(kind, Enum):
        return lambda value: value.value
    return lambda value: value


def _fields(defaults: Mapping[str, Any], value: BaseModel) -> dict[str, Any]:
    held = value.__dict__
    return {
        name: item if type(item) in AS_IT_IS else _plain(item)
        for name, default in defaults.items()
        if (item := held[name]) != default or name in TAGS
    }


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Of every field; what a required one has equals nothing."""
    return {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
