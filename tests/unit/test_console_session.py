"""agent/console/session.py, editor.py and grammar.py: what is typed, what is shown, what is called.

Golden: bytes in, bytes out."""

from agent.console import help
from agent.console.limits import MAX_AHEAD, MAX_ANSWER, MAX_HISTORY, MAX_LINE
from agent.console.session import IDLE_MS, Session
from agent.console.shell import _told
from agent.console.texts import Texts

PROMPT = b"v-1> "
AGAIN = b"\r\x1b[K" + PROMPT


def session(language="en", role=2):
    made = Session("v-1", Texts(language), role)
    made.role = 0
    made.greet(0)
    made.role = role
    return made


def named(calls):
    """Calls without what is long: name and arguments."""
    return [(c[1].name, c[1].arguments) if c[0] == "call" else c for c in calls]


def typed(machine, data):
    """(bytes shown, calls) of what is typed; the whole at once and byte by byte are the same."""
    data = data.encode() if isinstance(data, str) else data
    return machine.feed(data, 1)


def calls(machine, data):
    return named(typed(machine, data)[1])


def shown(machine):
    out = b""
    while True:
        piece = machine.output(1)
        if not piece:
            return out
        out += piece


def test_greeting():
    assert Session("v-1", Texts("en")).greet(0) == (
        b"\r\nPatrol gateway v-1. help lists the commands, Ctrl-D ends.\r\n" + AGAIN
    )


def test_a_command_and_its_answer():
    s = session()
    out, found = typed(s, "log 3\r")
    assert out == b"log 3\r\n" and named(found) == [("log", {"lines": 3})]
    s.show(iter(["one", "two"]))
    # The prompt's role is that of when it is drawn.
    assert shown(s) == b"one\r\ntwo\r\n\r\x1b[Kv-1 danger> "


def test_line_ends_of_every_kind():
    for end in ("\r", "\n", "\r\n"):
        s = session()
        assert calls(s, "ping" + end) == [("ping", {})]
        s.show(())
        shown(s)
        assert calls(s, "time" + end) == [("time", {})], end


def test_cut_anywhere_it_is_the_same():
    text = b"gpX\x7fs\x1b[D\x1b[D\x1b[C\x1b[1~\x1b[4~ 5\x15watch rpm\x17speed\r\nxy"
    whole = session()
    expected = typed(whole, text)
    for cut in range(1, len(text)):
        s = session()
        out, found = typed(s, text[:cut])
        more, other = typed(s, text[cut:])
        assert (out + more, named(found + other)) == (expected[0], named(expected[1])), cut
    assert named(expected[1]) == [("watch", {"names": ["speed"]}), ("cancel",)]


def test_editing():
    for keys, line in (
        ("pong\x1b[D\x1b[D\x1b[D\x7fpi\x05", "piong"),
        ("ng\x01pi", "ping"),
        ("pingx\x08", "ping"),
        ("xping\x01\x04", "ping"),
        ("xping\x1b[H\x1b[3~", "ping"),
        ("pingxx\x02\x02\x0b", "ping"),
        ("xx yy\x17\x17ping", "ping"),
        ("log zz\x17\x08\x15ping", "ping"),
        ("pinx\x1bOD\x1bOC\x08g", "ping"),
    ):
        s = session()
        editor = s._editor
        typed(s, keys)
        assert editor.text() == line, keys
    s = session()
    assert typed(s, "ac\x1b[Db")[0] == b"ac\bbc\b"


def test_history_is_bounded_and_goes_both_ways():
    s = session()
    for i in range(MAX_HISTORY + 3):
        typed(s, "nothing%d\r" % i)
    out, _ = typed(s, "\x1b[A")
    assert out.endswith(b"nothing%d" % (MAX_HISTORY + 2))
    for _ in range(MAX_HISTORY - 1):
        out, _ = typed(s, "\x1b[A")
    assert out.endswith(b"nothing3") and typed(s, "\x1b[A")[0] == b"\x07"
    for _ in range(MAX_HISTORY - 1):
        typed(s, "\x1b[B")
    assert typed(s, "\x1b[B")[0] == b"\r\x1b[Kv-1> " and typed(s, "\x1b[B")[0] == b"\x07"
    # The same line twice is there once.
    typed(s, "same\rsame\r")
    typed(s, "\x10\x10")
    assert s._editor.text() == "nothing%d" % (MAX_HISTORY + 2)


def test_over_long_lines_are_refused():
    s = session()
    out, found = typed(s, "x" * (MAX_LINE + 50))
    assert out == b"x" * MAX_LINE + b"\x07" and not found
    out, found = typed(s, "\r")
    assert b"this line is too long: %d characters" % MAX_LINE in out and not found
    assert s.noise["overlong"] == 1
    assert calls(s, "ping\r") == [("ping", {})]


def test_binary_noise_is_dropped_and_counted():
    s = session()
    noise = bytes(range(128, 256)) + bytes(range(1, 3)) + b"\x1b[99;99;99;99;99H\x1b\x1b"
    typed(s, noise)
    typed(s, "\x15")
    assert s.noise["noise"] > 100
    assert calls(s, "ping\r") == [("ping", {})]


def test_half_a_character_does_not_eat_the_next_key():
    for half in (b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xff", b"\x80"):
        s = session()
        assert calls(s, half + b"ping\r") == [("ping", {})], half
        assert s.noise["noise"] == len(half)
    s = session()
    assert calls(s, "message caf\u00e9 \u0645\r".encode()) == [
        ("message", {"text": "caf\u00e9 \u0645"})
    ]


def test_a_break_drops_what_was_typed():
    s = session()
    assert calls(s, b"rest\x00ping\r") == [("ping", {})]
    assert typed(session(), b"\x00\x00\x00") == (b"", [])


def test_wrong_lines():
    for line, why in (
        ("pong", "no command pong; help lists them"),
        ("log x", "log: lines must be a whole number"),
        ("log 0", "log: lines is not within 1 to 32"),
        ("log 1 2", "log takes no 2"),
        ("message", "message wants text"),
        ('message "x', "a quote is not closed"),
        ("ping --loud", "no option --loud; there is --json"),
        ("ping --json=x", "--json= wants a number from 0 to 1000000000"),
        ("zones {", "zones: rows must be JSON"),
        ("conf", "no command conf; help lists them"),
        ("watch " + "x" * 30, "watch: names: 'xxxxxxxxxxxxxxxxxxxxxxxx' is no name"),
    ):
        s = session()
        out, found = typed(s, line + "\r")
        assert why.encode() in out and not found, out
        assert s.counters["wrong"] == 1


def test_without_the_role_nothing_is_called():
    s = session(role=0)
    out, found = typed(s, "restart\r")
    assert b"restart takes the role danger\r\n" in out and not found
    out, found = typed(s, "restart --json=5\r")
    assert b'"id": 5' in out and b'"ok": false' in out and b"role danger" in out and not found


def test_two_words_and_quotes_and_names():
    for line, call in (
        ("dtc clear", ("clear", {})),
        ("config get mqtt.brokers", ("config-get", {"key": "mqtt.brokers"})),
        ("profile null", ("profile", {"name": None})),
        ("profile name=pursuit", ("profile", {"name": "pursuit"})),
        ('message "two  blanks"', ("message", {"text": "two  blanks"})),
        ("message a=b c", ("message", {"text": "a=b c"})),
        ("watch names=rpm,speed", ("watch", {"names": ["rpm", "speed"]})),
        ("trace seconds=5 obd", ("trace", {"part": "obd", "seconds": 5})),
        ("zones []", ("zones", {"rows": []})),
    ):
        assert calls(session(), line + "\r") == [call], line


def test_settings_by_key_and_value():
    for line, values in (
        ("config set reporting.profile pursuit", {"reporting.profile": "pursuit"}),
        ("config set gps.baud 9600", {"gps.baud": 9600}),
        ("config set gps.sky true", {"gps.sky": True}),
        ("config set mqtt.username null", {"mqtt.username": None}),
        ("config set mqtt.password '\"5\"'", {"mqtt.password": "5"}),
        ("config set mqtt.password a=b c", {"mqtt.password": "a=b c"}),
        ("config '{\"gps.baud\": 9600}'", {"gps.baud": 9600}),
    ):
        (call,) = calls(session(), line + "\r")
        assert call[0] == "config" and call[1]["values"] == values and call[1]["drop"] is None, line
    (call,) = calls(session(), "config drop gps.baud\r")
    assert call[1]["drop"] == "gps.baud" and call[1]["values"] is None
    for line in ("config set", "config set gps.baud", "config drop"):
        out, found = typed(session(), line + "\r")
        assert b"wants KEY" in out and not found, line
    out, found = typed(session(role=1), "config set gps.baud 9600\r")
    assert b"config takes the role danger" in out and not found


def test_who_comes_next_recalls_no_line():
    s = session()
    typed(s, "config set mqtt.password geheim\r")
    s.show(())
    shown(s)
    s.log_out()
    assert s.role == 0 and s.who is None
    assert typed(s, "\x1b[A")[0] == b"\x07" and s._editor.text() == ""


def test_update_alone_asks_how_it_stands():
    assert calls(session(role=0), "update\r") == [("update-state", {})]
    assert calls(session(role=0), "update --json=3\r") == [("update-state", {})]
    assert calls(session(), "update 9301\r") == [("update", {"signed": b"\x93\x01", "attempt": 1})]


def test_no_value_of_a_setting_is_told_to_log_and_room():
    assert _told({"mqtt.password": "geheim", "mqtt.host": "x"}) == "mqtt.host,mqtt.password"
    assert _told(b"\x00\x01") == "2 bytes" and _told("pursuit") == "pursuit" and _told(5) == 5


def test_help_shows_what_is_typed():
    texts = Texts("en")
    lines = "\n".join(help.overview(texts))
    for words in ("config set KEY VALUE", "config drop KEY", "config get [KEY]", "dtc clear",
                  "\nupdate     ", "update SIGNED [ATTEMPT]"):  # fmt: skip
        assert words in lines, words
    found = help.about(["config", "set"], texts)
    assert found[0] == "usage: config set KEY VALUE"
    assert found[-1] == "example: config set reporting.profile pursuit"
    assert help.about(["dtc", "clear"], texts)[-1] == "example: dtc clear"
    assert sorted(help.ends("config ")) == ["diff", "drop", "get", "set"]
    assert help.ends("config s") == ["et"] and help.ends("upd") == ["ate"]


def test_a_screenful_waits_for_a_key():
    s = session()
    lines = ["line %d" % i for i in range(60)]
    typed(s, "log\r")
    s.show(lines)
    first = shown(s)
    assert first.count(b"\r\n") == 23 and first.endswith(b"line 22\r\n--more--")
    assert typed(s, "x")[0] == b"" and shown(s) == b""
    assert typed(s, "\r")[0] == b"\r\x1b[K" and shown(s) == b"line 23\r\n--more--"
    typed(s, " ")
    assert shown(s).count(b"\r\n") == 23
    assert named(typed(s, "qping\r")[1]) == []  # typed ahead: read once the prompt is there
    assert shown(s).endswith(b"> ")
    assert calls(s, "") == [("ping", {})]


def test_no_paging_when_told_so_and_for_json():
    s = session()
    typed(s, "page 0\r")
    typed(s, "log\r")
    s.show(["x"] * 100)
    assert shown(s).count(b"\r\n") == 100
    s = session()
    typed(s, "log --json\r")
    s.show(["x"] * 100)
    assert shown(s).count(b"\r\n") == 100


def test_what_is_typed_while_something_runs_waits_and_is_bounded():
    s = session()
    assert calls(s, "scan\rping\r") == [("scan", {})]
    typed(s, "x" * 5000)
    assert len(s._ahead) == MAX_AHEAD
    typed(s, "\x03")
    assert s._ahead == b""
    typed(s, "time\r")
    s.show(["done"])
    shown(s)
    assert calls(s, "") == [("time", {})]


def test_ctrl_c_ends_what_runs():
    s = session()
    typed(s, "scan\r")
    assert typed(s, "\x03")[1] == [("cancel",)]
    s = session()
    typed(s, "watch rpm\r")
    assert typed(s, "q")[1] == [("cancel",)]
    s = session()
    assert typed(s, "abc\x03")[0].endswith(b"^C\r\n\r\x1b[Kv-1> ") and s._editor.text() == ""
    assert typed(s, "\x04")[1] == [("end",)]


def test_ctrl_l_draws_anew():
    s = session()
    typed(s, "pi")
    assert typed(s, "\x0c")[0] == b"\x1b[H\x1b[2J\r\x1b[Kv-1> pi"


def test_the_answer_to_a_challenge_is_not_echoed_nor_remembered():
    s = session(role=0)
    out, found = typed(s, "login tech service\r")
    assert found == [("login", ["tech", "service"])]
    s.ask(["sign this"])
    assert shown(s) == b"sign this\r\n\r\x1b[Kanswer: "
    out, found = typed(s, "SECRET+/=\t\x1b[D\r")
    assert out == b"\r\n" and found == [("answer", "SECRET+/=")]
    s.answered()
    s.show(["in"])
    assert b"SECRET" not in shown(s)
    assert b"SECRET" not in typed(s, "\x1b[A")[0]


def test_an_answer_may_be_longer_than_a_line_but_not_endless():
    s = session(role=0)
    typed(s, "login tech\r")
    s.ask(["sign this"])
    shown(s)
    assert typed(s, "A" * 512 + "\r")[1] == [("answer", "A" * 512)]
    s.ask(["sign this"])
    shown(s)
    assert typed(s, "A" * (MAX_ANSWER + 1) + "\r")[1] == [("answer", "")]
    s.ask(["sign this"])
    shown(s)
    assert typed(s, "AAA\x03")[1] == [("answer", "")]


def test_tab():
    s = session()
    assert typed(s, "st\t")[1] == [("complete", "st")]
    assert s.completed(["atus"]) == b"\r\x1b[Kv-1> status "
    assert typed(s, "\t")[1] == [("complete", "status ")]
    assert s.completed([]) == b"\x07"
    s = session()
    typed(s, "r\t")
    out = s.completed(["eady", "eport", "estart"])
    assert out == b"\r\x1b[Kv-1> re" and s._editor.text() == "re"
    typed(s, "\t")
    out = s.completed(["ady", "port", "start"])
    assert out == b"\r\nready  report  restart\r\n\r\x1b[Kv-1> re"


def test_who_does_not_type_is_logged_out():
    s = session()
    typed(s, "x")
    assert not s.tick(IDLE_MS) and s.tick(IDLE_MS + 1)
    typed(s, "\x15watch\r")
    assert not s.tick(10 * IDLE_MS)  # he looks at what goes on


def test_data_that_cannot_be_drawn_breaks_nothing():
    def lines():
        yield "one"
        raise ValueError("two")

    s = session()
    typed(s, "log\r")
    s.show(lines())
    assert shown(s) == b"one\r\nValueError: two\r\n\r\x1b[Kv-1 danger> "
    assert s.counters["broken"] == 1


def test_the_prompt_says_the_role():
    s = session(role=1)
    typed(s, "log\r")
    s.show(())
    assert shown(s).endswith(b"v-1 service> ")
