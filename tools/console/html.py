"""HTML that is safe by the way it is made: all that is not made here is a text, and is escaped.

element("td", "A & B", dir="auto")   ->   <td dir="auto">A &amp; B</td>
"""

import html
import re

from tools.console.words import plain

_MOST = 2000  # characters of one text: a line of the log is far shorter
_VOID = ("meta", "br")
_ARABIC = re.compile("[\u0600-\u06ff]")
_RUN = re.compile(r"([0-9A-Za-z/](?:[ -~]*[0-9A-Za-z%])?)")


class Html(str):
    """Markup that was made by `element`, `join` or `trusted`; any other str is text."""

    __slots__ = ()


def trusted(text):
    """For the style sheet and the document type alone; never for what comes from outside."""
    return Html(text)


def escape(value):
    """Any value as text of a page: one line, no control characters, escaped."""
    return value if isinstance(value, Html) else Html(html.escape(plain(value, _MOST)))


def join(*parts):
    return Html("".join(escape(part) for part in parts))


def element(tag, /, *children, **attributes):
    """children: Html, or texts; attributes: texts; `class_` stands for class, `_` for a dash."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{told}>")
    return Html(f"<{tag}{told}>{join(*children)}</{tag}>")


def isolated(value):
    """A text in which numbers and Latin words stand among Arabic ones: each run of them by itself,
    as the rules of Unicode (UAX 9, W2) turn a date round behind an Arabic letter."""
    if isinstance(value, Html) or not _ARABIC.search(str(value)):
        return value
    parts = _RUN.split(plain(value, _MOST))  # every second one is a run
    return join(*[element("bdi", x) if i % 2 else x for i, x in enumerate(parts)])


def table(heads, rows, class_=None):
    """A table; a row is a list of cells, or (class, cells). Every cell finds its own direction."""
    body = []
    for row in rows:
        style, cells = row if isinstance(row, tuple) else (None, row)
        body.append(
            element("tr", *[element("td", isolated(c), dir="auto") for c in cells], class_=style)
        )
    head = element("thead", element("tr", *[element("th", text) for text in heads]))
    return element("table", head if heads else "", element("tbody", *body), class_=class_)


def pairs(rows):
    """(label, value) rows as a table without a head."""
    shown = [
        element("tr", element("th", label, scope="row"), element("td", isolated(value), dir="auto"))
        for label, value in rows
    ]
    return element("table", element("tbody", *shown), class_="pairs")
