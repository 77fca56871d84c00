"""agent/comms/orders.py: each order is carried out once, in time, or not at all."""

from agent import config
from agent.comms.orders import MAX_EVENTS, MAX_KNOWN, MAX_WAITING, Orders
from agent.console import commands
from agent.console.commands import REQUIRED
from agent.console.levels import DANGER, LOOK, ROLES, SERVICE, CommandError


def refusing(name, arguments, role):
    if name == "no":
        raise CommandError("not so")
    return arguments


def machine(most=DANGER):
    return Orders(commands.check, most)


def test_an_order_goes_through_its_states():
    orders = machine()
    orders.take(7, 1000, LOOK, "log", {}, 0)
    assert orders.take_events() == [(7, "received", "")]
    order = orders.next(10)
    assert (order.id, order.name, order.arguments) == (7, "log", {"lines": 10})
    assert orders.take_events() == [(7, "running", "")]
    assert orders.next(10) is None
    orders.done(order)
    assert orders.take_events() == [(7, "done", "")]
    assert orders.counters["done"] == 1 and orders.take_events() == []


def test_an_order_counts_once():
    orders = machine()
    for _ in range(3):
        orders.take(7, 1000, LOOK, "ping", {}, 0)
    assert orders.next(0) is not None and orders.next(0) is None
    orders.take(7, 1000, LOOK, "ping", {}, 0)
    assert orders.next(0) is None and orders.counters["repeated"] == 3


def test_what_is_forgotten_counts_as_known():
    orders = machine()
    for id_ in range(1, MAX_KNOWN + 11):
        orders.take(id_, 1000, LOOK, "ping", {}, 0)
        assert orders.next(0).id == id_
        orders.take_events()
    for id_ in range(1, MAX_KNOWN + 11):
        orders.take(id_, 1000, LOOK, "ping", {}, 0)
    assert orders.next(0) is None and orders.counters["repeated"] == MAX_KNOWN + 10
    # One that is older than another, but was never here, is taken while it can be told.
    orders = machine()
    for id_ in (5, 3, 4):
        orders.take(id_, 1000, LOOK, "ping", {}, 0)
    assert [orders.next(0).id for _ in range(3)] == [5, 3, 4]


def test_what_comes_too_late_is_not_done():
    orders = machine()
    orders.take(1, 1000, LOOK, "ping", {}, 1000)
    assert orders.take_events() == [(1, "expired", "")]
    orders.take(2, 1000, LOOK, "ping", {}, 0)
    orders.take(3, 5000, LOOK, "ping", {}, 0)
    orders.take_events()
    assert orders.next(1000).id == 3
    assert orders.take_events() == [(2, "expired", ""), (3, "running", "")]


def test_roles():
    orders = machine()
    orders.take(1, 9, SERVICE, "restart", {}, 0)
    assert orders.take_events() == [(1, "refused", "restart takes the role danger")]
    orders = machine(most=LOOK)  # what the vehicle's owner allows goes before what the room says
    orders.take(1, 9, DANGER, "profile", {"name": "pursuit"}, 0)
    assert orders.take_events() == [(1, "refused", "profile takes the role service")]
    assert orders.counters["refused"] == 1


def test_a_flood_is_bounded():
    orders = machine()
    for id_ in range(1, 10_001):
        orders.take(id_, 1000, LOOK, "ping", {}, 0)
    assert orders.counters["busy"] == 10_000 - MAX_WAITING
    assert len(orders.take_events()) == MAX_WAITING
    # Those it had no room for may come again.
    while orders.next(0):
        pass
    orders.take(10_000, 1000, LOOK, "ping", {}, 0)
    assert orders.next(0).id == 10_000
    # Refused ones end at once, and what nobody takes is bounded, too.
    for id_ in range(20_000, 30_000):
        orders.take(id_, 1000, LOOK, "nothing", {}, 0)
    assert len(orders.take_events()) == MAX_EVENTS and orders.counters["events_lost"] > 9000


def refusal(name, arguments, role=DANGER):
    try:
        commands.check(name, arguments, role)
    except CommandError as e:
        return str(e)
    return None


def test_calls_are_checked():
    assert commands.check("ping", {}, LOOK) == {}
    assert commands.check("profile", {}, SERVICE) == {"name": None}
    assert commands.check("profile", {"name": "pursuit"}, SERVICE) == {"name": "pursuit"}
    assert commands.check("zones", {"rows": [[1]]}, SERVICE) == {"rows": [[1]]}
    assert refusal("format", {}) == "no command 'format'"
    assert refusal("ping", {"count": 3}) == "ping has no argument 'count'"
    assert refusal("message", {}) == "message wants text"
    assert refusal("message", {"text": ""}) == "message: text is not within 1 to 480"
    assert refusal("message", {"text": 5}) == "message: text must be a text"
    assert refusal("log", {"lines": 0}) == "log: lines is not within 1 to 32"
    assert refusal("log", {"lines": True}) == "log: lines must be a whole number"
    assert refusal("log", {"lines": "9"}) == "log: lines must be a whole number"
    assert refusal("zones", {"rows": {}}) == "zones: rows must be a list of rows"
    assert refusal("zones", {"rows": [1]}) == "zones: rows must be a list of rows"
    assert refusal("profile", {"name": 1}) == "profile: name must be a text"
    assert len(refusal("x" * 10_000, {})) < 60


def test_the_configuration_knows_the_roles():
    assert config.SCHEMA["orders"]["role"].choices == ROLES


def test_the_registry_is_in_order():
    names = [row[0] for row in commands.rows()]
    assert names == sorted(set(names)) and len(names) > 30
    for name, role, arguments, example, _ in commands.rows():
        assert commands.row(name)[0] == name  # the look-up finds what the reading through finds
        assert len(name) <= commands.MAX_NAME and role in (LOOK, SERVICE, DANGER)
        typed = [alias[3] for alias in commands.aliases() if alias[1] == name]
        assert example.replace(" ", "-").startswith(name) or example in typed
        for key, kind, default, low, high in arguments:
            assert key and low <= high
            assert kind in ("int", "text", "name", "rows", "map", "bytes", "names")
            assert (
                default is REQUIRED
                or default is None
                or type(default) is type(low if kind == "int" else "")
            )
    for name in ("", "dtc clear", "#", "clear ", "CLEAR", "x" * 300):
        assert commands.row(name) is None


def test_the_registry_s_limits_are_those_of_the_parts():
    from agent import log, reporting
    from agent.console import limits
    from agent.update import manifest

    most = {}
    for name, _, arguments, _, _ in commands.rows():
        for key, _, _, _, high in arguments:
            most[name, key] = high
    assert most["zones", "rows"] == reporting.MAX_ZONES
    assert most["log", "lines"] == log.MAX_LINES and most["events", "count"] == log.MAX_EVENTS
    assert most["gps", "raw"] == limits.MAX_RAW_S and most["trace", "seconds"] == limits.MAX_TRACE_S
    assert most["watch", "names"] == limits.MAX_WATCHED
    assert most["update", "signed"] == manifest.MAX_SIGNED
    assert commands.row("events")[2][0][2] == log.MAX_EVENTS
