"""`view_image`: a picture that lies where the agent may read, shown to it as it is.

Generated code may have written it, so it is never decoded here: its kind, its size and that it is whole are read from
its structure alone.
"""

import base64
import zlib
from dataclasses import dataclass

from activities.errors import ToolFailed
from activities.tools.base import Call, Done, Tool
from activities.tools.reading import parts_of
from activities.tools.roots import Joined
from schemas.tool import Image, Viewed, ViewImage

LONGEST_SIDE = 2_000  # pixels: what the Messages API takes in a conversation that holds more than 20 pictures
LARGEST = 1_500_000  # bytes: a request holds 32 MB, with all pictures of the conversation in it
PIXELS_PER_TOKEN = 750
PNG, JPEG = "image/png", "image/jpeg"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that give the size
ALONE = frozenset({0x01, *range(0xD0, 0xDA)})  # JPEG markers without a length
SMALLER = (
    "let a job write a smaller one: matplotlib's savefig with figsize=(8, 5) and dpi=100, or PIL's "
    "thumbnail((1000, 1000)) of a picture that is there"
)


@dataclass(frozen=True)
class Picture:
    media_type: str
    width: int
    height: int


class Looking:
    """view_image over what a role may see."""

    def __init__(self, tree: Joined) -> None:
        self._tree = tree

    def tool(self) -> Tool:
        what = (
            f"Shows you a picture: a PNG or JPEG file of at most {LONGEST_SIDE} pixels a side and "
            f"{LARGEST / 1e6:g} MB. For plots that a job left under results/JOB/, and for pictures that are part of "
            f"the data. It costs width x height / {PIXELS_PER_TOKEN} tokens, so look where it can change what you do; "
            "numbers are better read from metrics.jsonl."
        )
        return Tool("view_image", what, ViewImage, self.view_image, reads_only=True)

    async def view_image(self, given: ViewImage, _call: Call) -> Done:
        with await self._tree.open(parts_of(given.path)) as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ToolFailed(f"{given.path} has over {LARGEST / 1e6:g} MB; {SMALLER}")
        picture = whole_picture(data)
        if picture is None:
            raise ToolFailed(f"{given.path} is no PNG or JPEG, or not a whole one (a job may still be writing it)")
        if max(picture.width, picture.height) > LONGEST_SIDE:
            size = f"{picture.width} x {picture.height} pixels"
            raise ToolFailed(f"{given.path} has {size}, over {LONGEST_SIDE} a side; {SMALLER}")
        shown = Viewed(path=given.path, width=picture.width, height=picture.height, size=len(data))
        image = Image(media_type=picture.media_type, data=base64.b64encode(data).decode())
        return Done(shown, images=(image,))


def whole_picture(data: bytes) -> Picture | None:
    """What the bytes are, if they are a PNG or JPEG that is complete and has a size."""
    found = _png(data) if data.startswith(SIGNATURE) else _jpeg(data)
    return found if found is not None and found.width > 0 and found.height > 0 else None


def _png(data: bytes) -> Picture | None:
    """Chunk by chunk, each with its checksum, from the header to the end mark."""
    place, size = len(SIGNATURE), None
    while place + 12 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + length]
        if data[place + 8 + length : place + 12 + length] != zlib.crc32(kind + body).to_bytes(4):
            return None
        if size is None:
            if kind != b"IHDR" or length != 13:
                return None
            size = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        if kind == b"IEND":
            return Picture(PNG, *size)
        place += 12 + length
    return None


def _jpeg(data: bytes) -> Picture | None:
    """Marker by marker up to the frame that gives the size; the file's end must be there too."""
    if not data.startswith(b"\xff\xd8\xff") or b"\xff\xd9" not in data[-64:]:
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in FRAMES:
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return Picture(JPEG, int.from_bytes(width), int.from_bytes(height))
        if marker == 0xFF:  # a fill byte
            place += 1
        else:
            place += 2 if marker in ALONE else 2 + int.from_bytes(data[place + 2 : place + 4])
    return None
