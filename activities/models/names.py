"""A model under the names that it has elsewhere: with a platform before it, a region, a version or a day behind it."""

import re

MAKER = "anthropic."  # on Bedrock, with or without a region before it
REVISION = re.compile(r"-v\d+(:\d+)?$")  # on Bedrock
DAY = re.compile(r"([-@]\d{8}|@\w+)$")  # a snapshot, and how Google writes one
VERSION = re.compile(r"-(\d+)(?:-(\d{1,2}))?(?=-|$)")


def plain(name: str) -> str:
    """The model's own name: `bedrock/us.anthropic.claude-opus-5-5-20261001-v1:0` is `claude-opus-5-5`."""
    last = name.strip().lower().rpartition("/")[2]
    return DAY.sub("", REVISION.sub("", last.rpartition(MAKER)[2]))


def version(name: str) -> tuple[int, int] | None:
    """Of a Claude model, as it is in the name: (5, 5) for `claude-opus-5-5`, (5, 0) for `claude-opus-5`."""
    found = VERSION.search(plain(name).removeprefix("claude"))
    return (int(found[1]), int(found[2] or 0)) if found else None
