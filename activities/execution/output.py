"""A job's output: its head and its end are kept, whatever it prints in between."""

from pathlib import Path

LEFT_OUT = b"\n[... output left out here ...]\n"


class Output:
    """Half of the limit for the head, which is `file`; the other half for the end, in two pieces until `finish`."""

    def __init__(self, file: Path, limit: int) -> None:
        self._file = file
        self._older, self._newer, self._whole = _beside(file)
        _settle(file)
        self._head_limit, self._piece_limit = limit // 2, limit // 4
        file.parent.mkdir(parents=True, exist_ok=True)
        self._head = file.open("ab", buffering=0)
        self._end = self._newer.open("ab", buffering=0) if self._newer.exists() else None

    def write(self, data: bytes) -> None:
        if self._end is None:
            room = self._head_limit - self._head.tell()
            self._head.write(data[: max(room, 0)])
            data = data[max(room, 0) :]
        if data:
            self._write_end(data)

    def line(self, text: str) -> None:
        """A line by the supervisor."""
        self.write(f"[{text}]\n".encode(errors="backslashreplace"))

    def finish(self) -> None:
        """Joins head and end in the one file. What is killed in that is gone on with by the next one here."""
        self._head.close()
        if self._end is not None:
            self._end.close()
            draft = self._file.with_name(f".{self._file.name}.draft")
            draft.write_bytes(_joined(self._file))
            draft.replace(self._whole)
        _settle(self._file)

    def _write_end(self, data: bytes) -> None:
        data = data[-self._piece_limit :]
        if self._end is None:
            self._end = self._newer.open("ab", buffering=0)
        if self._end.tell() + len(data) > self._piece_limit:
            self._end.close()
            self._newer.replace(self._older)
            self._end = self._newer.open("ab", buffering=0)
        self._end.write(data)


def read(file: Path, characters: int | None = None) -> str:
    """The output so far; a quarter of `characters` from its head, the rest from its end. Redrawn lines show once."""
    text = _redrawn(_joined(file).decode(errors="replace"))
    if characters is None or len(text) <= characters:
        return text
    marker = LEFT_OUT.decode()
    room = max(characters - len(marker), 0)
    head = room // 4
    return text[:head] + marker + text[len(text) - (room - head) :] if room else text[len(text) - characters :]


def _redrawn(text: str) -> str:
    """Of lines that were drawn over, as progress bars are, what was drawn last. Linear: a line may have megabytes."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _beside(file: Path) -> tuple[Path, Path, Path]:
    """The two pieces of the end, and head and end joined: once that is there, the others are no more of it."""
    older, newer, whole = (file.with_name(f".{file.name}.{name}") for name in ("older", "newer", "whole"))
    return older, newer, whole


def _settle(file: Path) -> None:
    """Puts what was joined in the file's place; last, so that nothing is joined twice."""
    older, newer, whole = _beside(file)
    if whole.exists():
        older.unlink(missing_ok=True)
        newer.unlink(missing_ok=True)
        whole.replace(file)


def _joined(file: Path) -> bytes:
    head, older, newer, whole = (path.read_bytes() if path.exists() else b"" for path in (file, *_beside(file)))
    if whole:
        return whole
    if not older:
        return head + newer  # nothing was left out yet
    return head + LEFT_OUT + older + newer
