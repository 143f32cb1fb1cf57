"""Base models, references, and the canonical form that digests are taken over."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints


class Record(BaseModel):
    """What history holds: frozen, and open to fields that newer code adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Input(BaseModel):
    """What a person or a model writes: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Short = Annotated[str, StringConstraints(max_length=400)]
Text = Annotated[str, StringConstraints(max_length=8_000)]


class RunRef(Record):
    """Where a run lives: its id, and its folder on the store that all its workers share."""

    id: str
    folder: str


def canonical(value: object) -> bytes:
    """Canonical JSON without defaults, so that records written by older code keep their digests."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def digest(value: object) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _plain(value: object) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, BaseModel):
        return {
            name: _plain(getattr(value, name))
            for name, default in _defaults(type(value)).items()
            # a union's tag is a default, and must stay
            if name in ("kind", "type") or getattr(value, name) != default
        }
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    return value


@cache
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Of every field; what a required one has equals nothing."""
    return {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
