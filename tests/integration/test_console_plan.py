"""How gently the screen asks: by simulated time."""

from tools.console.plan import LEAST_S, POLLED, REST, Plan, fresh_s, name_of, wait_s


def simulate(took, seconds):
    """[(time, command)], and the part of the time in which the line was busy."""
    plan, now, asked, busy = Plan(), 0.0, [], 0.0
    while now < seconds:
        name = plan.due(now)
        if name is None:
            now += max(0.01, plan.wake(now))
            continue
        cost = took(name)
        asked.append((now, name))
        now += cost
        busy += cost
        plan.asked(name, now, cost)
    return asked, busy / now


def test_a_fast_line_brings_every_answer_in_its_period():
    asked, busy = simulate(lambda name: 0.01, 600)
    for name, period in POLLED:
        count = sum(n == name for _, n in asked)
        assert 0.8 * 600 / period <= count <= 600 / period + 1, (name, count)
    assert busy < 0.05


def test_a_slow_line_is_busy_a_fifth_of_the_time_at_most_and_nothing_is_left_out():
    # An answer of 3 KB at 115200 baud, and a chip that takes as long again.
    asked, busy = simulate(lambda name: 0.5, 3600)
    own = sum(0.5 for _, name in asked if name not in ("dtc", "ready")) / 3600
    assert own <= 1 / (1 + REST) + 0.001 and busy < 0.21
    counts = [sum(n == name for _, n in asked) for name, _ in POLLED]
    assert min(counts) >= 2  # all are later by the same factor, some eight times


def test_two_questions_never_follow_each_other_at_once():
    asked, _ = simulate(lambda name: 0.001, 60)
    gaps = [b[0] - a[0] for a, b in zip(asked, asked[1:], strict=False)]
    assert min(gaps) >= LEAST_S


def test_what_the_car_was_too_busy_for_is_asked_again_soon():
    plan = Plan((("dtc", 60.0),))
    plan.asked("dtc", 100.0, 0.01, was_refused=True)
    assert plan.due(109.0) is None and plan.due(110.1) == "dtc"
    plan.asked("dtc", 110.1, 0.01)
    assert plan.due(169.0) is None and plan.due(170.2) == "dtc"


def test_commands_of_two_words_have_one_name():
    assert name_of("dtc clear") == "clear" and name_of("dtc") == "dtc"
    assert name_of("config get mqtt.port") == "config-get" and name_of("  ") == ""
    assert wait_s("scan") > wait_s("link") and fresh_s("obd") == 4.5
    assert wait_s("gps") == wait_s("link") and wait_s("gps 30") > 60


def test_a_car_that_takes_its_time_does_not_make_the_gauges_stand_still():
    asked, _ = simulate(lambda name: 3.0 if name in ("dtc", "ready") else 0.02, 600)
    gauges = [t for t, name in asked if name == "obd"]
    assert max(b - a for a, b in zip(gauges, gauges[1:], strict=False)) < fresh_s("obd")
