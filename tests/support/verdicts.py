"""The self-test of a running agent, asked at its console until it says what it must."""

import json
import time

from agent.console.texts import LANGUAGES, Texts


def verdict(terminal, part, fault, seconds=60):
    """Asks until the part has that fault; its row. What else is wrong is not looked at."""
    terminal.settle()
    end = time.monotonic() + seconds
    while True:
        rows = json.loads(terminal.ask("selftest --json"))["data"]["parts"]
        (row,) = [row for row in rows if row["part"] == part]
        if row["fault"] == fault:
            break
        assert time.monotonic() < end, (fault, rows)
        time.sleep(0.5)
    shown = terminal.ask("selftest")
    remedy = Texts("en").get("d." + fault)
    assert " ".join(remedy.split()) in " ".join(shown.split()), shown
    for language in LANGUAGES:
        assert Texts(language).get("d." + fault) != "d." + fault
    return row
