"""Images: their form, their size in bytes and in pixels, and what they count as."""

import base64
import binascii
import math
import struct
from collections.abc import Iterator

from tests.strict.prompt import Json, Prompt
from tests.strict.refusals import invalid

BYTES = 5 * 1024 * 1024
PIXELS, PIXELS_OF_MANY, MANY = 8000, 2000, 20
MOST = 100
TOKENS = 1600  # of one image at most: larger ones are scaled down
FRAMES = range(0xC0, 0xD0)  # of JPEG's markers, those that hold the size, but for three
NO_FRAMES = (0xC4, 0xC8, 0xCC)


def check_pictures(prompt: Prompt) -> None:
    found = list(_pictures(prompt))
    if len(found) > MOST:
        raise invalid(f"messages: too many images: {len(found)} > {MOST}")
    most = PIXELS if len(found) <= MANY else PIXELS_OF_MANY
    for path, source in found:
        size = _size(path, source)
        if max(size) > most:
            raise invalid(f"{path}.image.source.base64.data: image dimensions exceed max allowed size: {most} pixels")


def tokens(source: Json) -> int:
    """By the formula of the page on vision."""
    width, height = _size("", source)
    return max(1, min(math.ceil(width * height / 750), TOKENS))


def _pictures(prompt: Prompt) -> Iterator[tuple[str, Json]]:
    for placed in prompt.blocks:
        if placed.kind == "image":
            yield placed.path, placed.block["source"]
        inner = placed.block.get("content")
        if placed.kind == "tool_result" and isinstance(inner, list):
            for index, block in enumerate(inner):
                if block["type"] == "image":
                    yield f"{placed.path}.tool_result.content.{index}", block["source"]


def _size(path: str, source: Json) -> tuple[int, int]:
    try:
        data = base64.b64decode(source["data"], validate=True)
    except binascii.Error:
        raise invalid(f"{path}.image.source.base64: invalid base64 data") from None
    if len(source["data"]) > BYTES:
        raise invalid(
            f"{path}.image.source.base64: image exceeds 5 MB maximum: {len(source['data'])} bytes > {BYTES} bytes"
        )
    kind, size = _png(data) or _jpeg(data) or (None, None)
    if kind is None or size is None:
        raise invalid(f"{path}.image.source.base64.data: Could not process image")
    if kind != source["media_type"]:
        raise invalid(
            f"{path}.image.source.base64.data: Image does not match the provided media type {source['media_type']}"
        )
    return size


def _png(data: bytes) -> tuple[str, tuple[int, int]] | None:
    whole = data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and b"IEND" in data[-12:]
    return ("image/png", struct.unpack(">II", data[16:24])) if whole else None


def _jpeg(data: bytes) -> tuple[str, tuple[int, int]] | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if marker in FRAMES and marker not in NO_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return "image/jpeg", (width, height)
        at += 2 + length
    return None
