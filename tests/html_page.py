"""An HTML page as a tree, and what must hold of one that needs nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"br", "hr", "img", "input", "link", "meta"}
_REFERRING = {"href", "src", "srcset", "action", "data", "poster", "background", "xlink:href"}
_PICTURE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/]+=*")


@dataclass
class Element:
    """An element, its attributes, and what it holds: text and elements in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str | None = None, css_class: str | None = None) -> Iterator[Element]:
        """The elements inside, in order, that have this tag and class."""
        for child in self.children:
            if isinstance(child, Element):
                classes = child.attributes.get("class", "").split()
                if tag in (None, child.tag) and (css_class is None or css_class in classes):
                    yield child
                yield from child.all(tag, css_class)

    def one(self, tag: str | None = None, css_class: str | None = None) -> Element:
        """The only such element."""
        (found,) = self.all(tag, css_class)
        return found

    @property
    def text(self) -> str:
        """All text inside in one line, its spaces as a browser shows them."""
        return re.sub(r"\s+", " ", "".join(self._texts())).strip()

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._texts()


class _Builder(HTMLParser):
    """Builds the tree; elements that are not closed, or in another order, are an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    """The document."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert len(builder.open) == 1, f"not closed: {builder.open[-1].tag}"
    return builder.open[0]


def require_self_contained(html: str) -> Element:
    """The document, once it is sure that it asks for nothing and runs nothing."""
    document = parse(html)
    ids = [each.attributes["id"] for each in document.all() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    assert not list(document.all("script"))
    for element in document.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in _REFERRING:
                assert value.removeprefix("#") in ids or _PICTURE.fullmatch(value), value
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target.removeprefix("#") in ids, target
    style = "".join(each.text for each in document.all("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert "://" not in html
    return document


def rows(table: Element) -> list[list[str]]:
    """The texts of a table's body, a list for each row."""
    return [
        [cell.text for cell in row.children if isinstance(cell, Element)]
        for body in table.all("tbody")
        for row in body.all("tr")
    ]
