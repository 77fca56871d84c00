"""A room key with which every key agreement gives zero: a gateway does not seal a byte to it."""

import json
import subprocess
import sys

import pytest

from tests.support import micropython
from tests.unit.test_crypto import LOW_ORDER


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_an_agent_does_not_start_with_a_room_key_of_low_order(interpreter, tmp_path):
    program = [sys.executable]
    if interpreter == "micropython":
        if micropython.find() is None:
            pytest.skip(micropython.HOW_TO_GET_IT)
        program = [micropython.find(), "-X", "heapsize=512K"]
    for i, public in enumerate(LOW_ORDER):
        journal = tmp_path / f"journal{i}"
        config = tmp_path / "config.json"
        config.write_text(
            json.dumps(
                {
                    "vehicle": "v-test0001",
                    "keys": {
                        "room_key_id": "00" * 4,
                        "room_public": public.hex(),
                        "psk": "5a" * 32,
                    },
                    "mqtt": {"host": "127.0.0.1", "port": 1},
                    "journal": {"dir": str(journal)},
                }
            )
        )
        done = subprocess.run(
            [*program, "-m", "agent", "--config", str(config)],
            cwd=micropython.ROOT, env=dict(micropython.environment()), capture_output=True,
            text=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 1 and done.stdout == "", (public.hex(), done)
        assert "the key agreement gave zero" in done.stderr.splitlines()[-1]
        # Nothing was sealed: the boot counter is all that it has written.
        assert not [path.name for path in journal.iterdir() if not path.name.startswith("boot")]
