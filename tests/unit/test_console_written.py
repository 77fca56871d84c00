"""Answers in JSON are written in pieces, and say the same as written at once."""

import json

from agent.console.session import answer
from agent.console.written import line


def written(name, id_, data):
    found = b""
    longest = 0
    for piece in line(name, id_, data):
        if isinstance(piece, str):
            piece = piece.encode() + b"\r\n"
        found += piece
        longest = max(longest, len(piece))
    return found, longest


def test_the_same_as_at_once():
    for data in (
        None, 7, "a\"b\u00e9", [], {}, [1, [], {}], {"a": [], "b": {}}, [[1, 2], [3, None, True]],
        {"values": [["rpm", 850.5, "r/min", 12]], "state": "live", "deep": {"x": {"y": [1, [2]]}}},
        (1, (2, 3)),
    ):  # fmt: skip
        found, _ = written("obd", 3, data)
        assert found.endswith(b"\r\n") and found.count(b"\n") == 1
        assert json.loads(found) == json.loads(answer("obd", 3, data))
        assert "id" not in json.loads(written("obd", None, data)[0])


def test_no_piece_of_a_long_answer_is_long():
    rows = [["signal-%d" % i, i * 1000, "unit", None] for i in range(500)]
    found, longest = written("obd", 1, {"values": rows, "more": {"values": rows}})
    assert len(found) > 30000 and longest < 100
