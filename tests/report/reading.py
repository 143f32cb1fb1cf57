"""Reading a page as a browser would: tags, attributes and text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "input", "hr", "img", "link"}


@dataclass
class Tag:
    name: str
    attributes: dict[str, str]
    content: list["Tag | str"] = field(default_factory=list)

    def all(self, name: str, **wanted: str) -> list["Tag"]:
        """Every tag of that name below, whose attributes contain what is wanted, word by word."""
        found = [tag for tag in self.inside if tag.name == name and tag._fits(wanted)]
        return found + [below for tag in self.inside for below in tag.all(name, **wanted)]

    def _fits(self, wanted: dict[str, str]) -> bool:
        given = {key.rstrip("_").replace("_", "-"): value for key, value in wanted.items()}
        return all(set(value.split()) <= set(self.attributes.get(key, "").split()) for key, value in given.items())

    @property
    def inside(self) -> list["Tag"]:
        return [one for one in self.content if isinstance(one, Tag)]

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text + " " for one in self.content)

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Tag("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Tag(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].content.append(Tag(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def read(html: str) -> Tag:
    """The page's tree. Fails where tags do not nest."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].name}> is never closed"
    return reader.root


def every(tag: Tag) -> list[Tag]:
    return [tag, *(below for one in tag.inside for below in every(one))]
