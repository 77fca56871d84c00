"""The table of attacks against running programs: each hostile message is refused and counted, by
exactly one, the legitimate traffic goes on, and in the end all that was recorded is in the room.

    python -m pytest tests/security/test_attacks.py -s      prints the table
    python -m tests.security                                the same without pytest
"""

import pytest

from tests.security import attacks, down
from tests.security.scene import opened
from tests.support import micropython


@pytest.fixture(params=("cpython", "micropython"))
def scene(request, tmp_path):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    with opened(tmp_path, request.param) as scene:
        yield scene


def test_table(scene):
    before = attacks.totals(scene)
    figures = attacks.run(scene)
    print("\n" + attacks.text(scene.interpreter, figures))
    scene.goes_on(2)
    # Nothing was counted twice, or under another name, and nothing genuine was refused.
    expected = dict(before)
    for f in figures:
        if (f.who, f.counter) in expected:
            expected[f.who, f.counter] += f.sent
    assert attacks.totals(scene) == expected
    assert scene.order("ping")["link"] == "online"

    # Believed, for the room's keys have sealed them, and of no effect.
    taken = scene.counter("vehicle", "inbox.received")
    sent = down.of_sessions_that_are_none(scene)
    scene.wait(lambda: scene.counter("vehicle", "inbox.received") >= taken + sent, 10, "taken")
    # The vehicle is asked first: the room may have got more since.
    assert scene.status()["acknowledged"] <= len(scene.received())

    lost = down.lost_after_puback(scene)
    scene.goes_on(2 * lost)
    summary = scene.all_is_there()
    # Sent once more, by time or because the room asked for them.
    assert summary["sent"] >= summary["acknowledged"] + lost, summary
    assert summary["faults"] == {}, scene.agent_log()
