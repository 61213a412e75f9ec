"""Reading a report page back: what it shows, and what is embedded in it."""

import json
import re
from html.parser import HTMLParser
from typing import Any


def embedded(text: str) -> dict[str, Any]:
    """The page's data."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found)


class Page(HTMLParser):
    """The tables, headings and texts of a page.

    Attributes:
        tables: caption to rows of cells; what only screen readers are told is left out.
        ids: of all elements.
        text: everything that is shown.
        tags: how often each element occurs.
    """

    def __init__(self, text: str):
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.ids: list[str] = []
        self.text = ""
        self.tags: dict[str, int] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._rows: list[list[str]] | None = None
        self._caption = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag not in ("meta", "input", "br", "link"):
            self._open.append((tag, given))
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows is not None:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "table" and self._rows is not None:
            rows = [[" ".join(cell.split()) for cell in row] for row in self._rows]
            self.tables[" ".join(self._caption.split())] = rows
            self._rows = None

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self._open]
        unseen = any(given.get("class") == "unseen" for _, given in self._open)
        if unseen or {"script", "style"} & set(inside):
            return
        self.text += data
        if "caption" in inside:
            self._caption += data
        elif self._rows and {"td", "th"} & set(inside):
            self._rows[-1][-1] += data
