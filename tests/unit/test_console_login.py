"""agent/console/login.py: who holds the key gets in, once; nobody else, and not for long."""

from agent import port
from agent.console import login as module
from agent.console.login import LIFE_MS, MAX_LOCK_S, Login, LoginError
from tests.support.data import own_vectors
from tests.support.files import remove_all, temporary

VECTOR = own_vectors("console-v1.json")
NOW = VECTOR["now"]
MODULUS = temporary("tech.modulus")
TECH = {"name": "tech", "role": "service", "modulus": MODULUS}
ROOT = {"name": "root", "role": "danger", "modulus": "/nowhere"}


class Bench:
    """A log-in whose random numbers are those of the vector."""

    def __init__(self):
        with open(MODULUS, "wb") as f:
            f.write(bytes.fromhex(VECTOR["modulus"]))
        self.lock = [0, 0]
        self.login = Login("v-test0001", bytes.fromhex(VECTOR["sid"]), [TECH, ROOT], self.lock)

    def challenge(self, name="tech", role=None, now=NOW, random=VECTOR["random"]):
        before = port.random_bytes
        port.random_bytes = lambda n: bytes.fromhex(random)[:n]
        try:
            return self.login.challenge(name, role, now)
        finally:
            port.random_bytes = before

    def close(self):
        remove_all(MODULUS)


def refused(call, *args):
    try:
        call(*args)
    except LoginError as e:
        return e.args[0]
    raise AssertionError("let in")


def test_who_holds_the_key_gets_in():
    bench = Bench()
    assert bench.challenge() == VECTOR["challenge"]
    assert bench.login.answer(VECTOR["answer"] + "\r", NOW + 1000) == 1
    assert bench.login.who == "tech" and bench.lock == [0, 0]
    bench.close()


def test_an_answer_counts_once():
    bench = Bench()
    bench.challenge()
    bench.login.answer(VECTOR["answer"], NOW)
    assert refused(bench.login.answer, VECTOR["answer"], NOW) == "login.late"
    # Another challenge, the same answer: another nonce, as the random numbers differ.
    bench.challenge(random="ff" * 32)
    assert refused(bench.login.answer, VECTOR["answer"], NOW) == "login.wrong"
    # The same random numbers, as a chip without its radio may give: the time differs.
    bench.lock[1] = 0
    bench.challenge(now=NOW + 1)
    assert refused(bench.login.answer, VECTOR["answer"], NOW + 1) == "login.wrong"
    bench.close()


def test_a_challenge_lives_for_its_time():
    bench = Bench()
    bench.challenge()
    assert refused(bench.login.answer, VECTOR["answer"], NOW + LIFE_MS) == "login.late"
    bench.close()


def test_an_answer_is_for_one_vehicle_session_person_and_role():
    sid = bytes.fromhex(VECTOR["sid"])
    for vehicle, session, name, role in (
        ("v-test0002", sid, "tech", "service"),
        ("v-test0001", b"1234", "tech", "service"),
        ("v-test0001", sid, "tech", "look"),
        ("v-test0001", sid, "bob", "service"),
    ):
        bench = Bench()
        rows = [dict(TECH, name=name)]
        bench.login = Login(vehicle, session, rows, bench.lock)
        bench.challenge(name, role)
        assert refused(bench.login.answer, VECTOR["answer"], NOW) == "login.wrong", (vehicle, name)
        bench.close()


def test_rubbish_is_no_answer():
    good = VECTOR["answer"]
    flipped = ("B" if good[7] == "A" else "A").join((good[:7], good[8:]))
    for text in ("", "x", "====", good[:-4], good + "AAAA", flipped, "\x00\xff", "A" * 512):
        bench = Bench()
        bench.challenge()
        assert refused(bench.login.answer, text, NOW) == "login.wrong", text
        bench.close()


def test_nobody_gets_more_than_the_configuration_gives():
    bench = Bench()
    for name, role in (("tech", "danger"), ("bob", None), ("tech", "root"), ("", None)):
        assert refused(bench.challenge, name, role) == "login.nobody"
    assert "/tech/look/" in bench.challenge("tech", "look")
    bench.challenge("root")
    assert refused(bench.login.answer, VECTOR["answer"], NOW) == "login.key"
    bench.close()


def test_wrong_answers_lock_for_ever_longer():
    bench = Bench()
    now = NOW
    waits = []
    for _ in range(12):
        bench.challenge(now=now)
        assert refused(bench.login.answer, "AAAA", now) == "login.wrong"
        waits.append((bench.lock[1] - now) // 1000)
        assert refused(bench.challenge, "tech", None, now) == "login.locked"
        assert refused(bench.challenge, "tech", None, bench.lock[1] - 1) == "login.locked"
        now = bench.lock[1]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, MAX_LOCK_S, MAX_LOCK_S]
    # Who knows it gets in all the same, when the time is over, and the lock is gone.
    bench.lock[1] = 0
    bench.challenge()
    bench.login.answer(VECTOR["answer"], NOW)
    assert bench.lock == [0, 0]
    bench.close()


def test_a_key_that_the_release_names_as_revoked_opens_nothing():
    bench = Bench()
    own = module.REVOKED
    key_id = port.sha256(bytes.fromhex(VECTOR["modulus"]))[:8].hex()
    module.REVOKED = temporary("revoked.txt")
    try:
        for rows, why in (
            ("# none\n", None),
            ("# one\n0000000000000000 -\n%s -\nffffffffffffffff -\n" % key_id, "login.revoked"),
            ("# others\n0000000000000000 -\nffffffffffffffff -\n", None),
        ):
            with open(module.REVOKED, "w") as f:
                f.write(rows)
            bench.challenge()
            if why is None:
                assert bench.login.answer(VECTOR["answer"], NOW) == 1
            else:
                assert refused(bench.login.answer, VECTOR["answer"], NOW) == why
        # Without its list a release is not whole: then nobody gets in.
        remove_all(module.REVOKED)
        bench.challenge()
        assert refused(bench.login.answer, VECTOR["answer"], NOW) == "login.key"
    finally:
        remove_all(module.REVOKED)
        module.REVOKED = own
    with open(own) as f:
        assert f.readline()[0] == "#"
    bench.close()
