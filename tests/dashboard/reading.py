"""What a reader finds on a page: words, links, elements; and whether data became markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str | None]


class Reading(HTMLParser):
    """A page, read once. `words` is its text with single spaces."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._texts: list[str] = []
        self.feed(html)
        self.words = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def all(self, tag: str, css_class: str = "") -> list[Element]:
        return [
            one
            for one in self.elements
            if one.tag == tag and (not css_class or css_class in (one.attributes.get("class") or "").split())
        ]

    def links(self, css_class: str = "") -> list[str]:
        return [one.attributes.get("href") or "" for one in self.all("a", css_class)]

    def files(self) -> list[str]:
        """The scripts, styles and signs that the page asks for by itself."""
        asked = [one.attributes for one in self.elements if one.tag in ("script", "link", "img")]
        return [one.get("src") or one.get("href") or "" for one in asked]

    def harmful(self) -> list[Element]:
        """Elements that could run what somebody wrote: inline scripts, handlers, styles, other schemes and hosts."""
        return [one for one in self.elements if _is_harmful(one)]


def _is_harmful(element: Element) -> bool:
    attributes = element.attributes
    targets = [attributes.get(name) or "/" for name in ("href", "src", "action", "hx-get")]
    return (
        any(name.startswith("on") or name == "style" or not name.replace("-", "").isalnum() for name in attributes)
        or (element.tag == "script" and not (attributes.get("src") or "").startswith("/static/"))
        or element.tag in ("iframe", "object", "embed", "style")
        or any(not target.startswith(("/", "#")) or target.startswith("//") for target in targets)
    )
