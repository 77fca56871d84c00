"""An answer as JSON, written in pieces: the longest answers have 6 KB, and a heap that has been in
use for an hour has no such hole."""

import json


def line(name, id_, data):
    """Generator of bytes, the pieces of the line that `session.answer` has, and of its end."""
    head = {"command": name, "ok": True}
    if id_ is not None:
        head["id"] = id_
    yield json.dumps(head)[:-1].encode() + b', "data": '
    for text in _written(data):
        yield text.encode()
    yield "}"  # text: the line ends here


def _written(value):
    """What holds lists or dictionaries goes piece by piece, all else at once."""
    if isinstance(value, dict):
        inner = [(json.dumps(key) + ": ", item) for key, item in value.items()]
        brackets = "{}"
    elif isinstance(value, (list, tuple)):
        inner = [("", item) for item in value]
        brackets = "[]"
    if not isinstance(value, (dict, list, tuple)) or not any([_is_deep(x) for _, x in inner]):
        yield json.dumps(value)
        return
    begin = brackets[0]
    for key, item in inner:
        yield begin + key
        for text in _written(item):
            yield text
        begin = ", "
    yield brackets[1]


def _is_deep(value):
    return isinstance(value, (dict, list, tuple)) and len(value) > 0
