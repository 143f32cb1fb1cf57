"""The variables that language models and hubs are reached by, as processes were given them. Values are never kept."""

import hashlib
import os
import secrets
from collections.abc import Mapping

from pydantic import Field

from schemas.base import Record

GROUPS: dict[str, tuple[str, ...]] = {  # by prefix: what belongs together, and changes together
    "Anthropic": ("ANTHROPIC_",),
    "Amazon": ("AWS_",),
    "Google": ("GOOGLE_", "CLOUD_ML_REGION"),
    "Azure": ("AZURE_",),
    "hub": ("HF_",),
}
CERTIFICATES = "_CA_BUNDLE"  # ends the names of variables that say whom to trust, and let nobody in


class Group(Record):
    """Which variables of a group a process has, and what tells their values from others."""

    names: tuple[str, ...]
    digest: str


class Surroundings(Record):
    """Of one process. Digests are salted and slow to make, so that a record gives no value away."""

    salt: str = ""
    groups: dict[str, Group] = Field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups.values() for name in group.names)


class Change(Record):
    """What another process has otherwise than this one: groups that differ, and those that are not here at all."""

    differ: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def present(environ: Mapping[str, str] | None = None, salt: str | None = None) -> Surroundings:
    """Of this process."""
    environ = os.environ if environ is None else environ
    salt = salt or secrets.token_hex(16)
    found = {name: _group(environ, prefixes, salt) for name, prefixes in GROUPS.items()}
    return Surroundings(salt=salt, groups={name: group for name, group in found.items() if group.names})


def change(theirs: Surroundings, environ: Mapping[str, str] | None = None) -> Change:
    """What a process that was started elsewhere lacks of this one's surroundings, or has beyond them."""
    here = present(environ, theirs.salt or None)
    differ = [name for name, group in here.groups.items() if theirs.groups.get(name) != group]
    return Change(differ=tuple(differ), absent=tuple(name for name in theirs.groups if name not in here.groups))


def named(group: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The variables of a group that this process has."""
    environ = os.environ if environ is None else environ
    return tuple(_names(environ, GROUPS[group]))


def _group(environ: Mapping[str, str], prefixes: tuple[str, ...], salt: str) -> Group:
    names = _names(environ, prefixes)
    if not names:
        return Group(names=(), digest="")
    text = "\0".join(f"{name}={environ[name]}" for name in names).encode()
    return Group(names=tuple(names), digest=hashlib.scrypt(text, salt=salt.encode(), n=2**14, r=8, p=1).hex())


def _names(environ: Mapping[str, str], prefixes: tuple[str, ...]) -> list[str]:
    given = (name for name, value in environ.items() if value and not name.endswith(CERTIFICATES))
    return sorted(name for name in given if name.startswith(prefixes))
