"""KiCad's S-expressions: text to nested lists and back.

A list is a Python list, a quoted string is `Text`, everything else is a plain `str`.
Format: https://dev-docs.kicad.org/en/file-formats/sexpr-intro/
"""

import re


class Text(str):
    """A string that is written in quotes."""


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([()])|([^\s()"]+)')
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"))


def parse(text):
    """The one list that `text` holds."""
    stack = [[]]
    for match in _TOKEN.finditer(text):
        quoted, bracket, plain = match.groups()
        if bracket == "(":
            stack.append([])
        elif bracket == ")":
            done = stack.pop()
            stack[-1].append(done)
        elif plain is not None:
            stack[-1].append(plain)
        else:
            stack[-1].append(Text(_unescape(quoted)))
    return stack[0][0]


def _unescape(text):
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)


def dump(node, depth=0):
    """The text of `node`, a child list on a line of its own, indented by tabs as KiCad does."""
    if isinstance(node, Text):
        for char, escaped in _ESCAPES:
            node = node.replace(char, escaped)
        return f'"{node}"'
    if not isinstance(node, list):
        return str(node)
    if not any(isinstance(item, list) for item in node):
        return "(" + " ".join(dump(item) for item in node) + ")"
    first_child = next(i for i, item in enumerate(node) if isinstance(item, list))
    head = " ".join(dump(item) for item in node[:first_child])
    indent = "\n" + "\t" * (depth + 1)
    children = "".join(indent + dump(item, depth + 1) for item in node[first_child:])
    return "(" + head + children + "\n" + "\t" * depth + ")"


def children(node, name):
    """All child lists of `node` that begin with `name`."""
    return [item for item in node if isinstance(item, list) and item and item[0] == name]


def child(node, name):
    """The first such child list, or None."""
    found = children(node, name)
    return found[0] if found else None


def number(value):
    """A length as KiCad writes it: at most four decimals, no trailing zeros."""
    return f"{round(value, 4) + 0:g}"
