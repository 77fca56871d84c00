"""A technician's log-in by challenge and response: no secret on the gateway, none on the line.

    text = login.challenge(name, role, now)      what is to be signed, once, within LIFE_MS
    role = login.answer(text, now)               of who is logged in; raises LoginError

The configuration names technicians with the modulus of their public key (RSA-3072) and the most
that each may do. The challenge is `vehicle/name/role/nonce`; its answer the base64 of an RSASSA-
PKCS1-v1_5 signature with SHA-256 over "pv1 console" and a newline and the challenge, checked by
`agent/update/rsa.py`. So an answer is good for one vehicle, person and role, and for one time:
whatever comes, the challenge is spent. The nonce is hedged by the session's id, as a chip's random
numbers are weak before its radio is on.

Wrong answers lock the log-in for 1, 2, 4 ... 900 s. A signature of 3072 bits cannot be guessed; the
lock only bounds what a stranger costs in time and in events. So it is not kept over a restart: then
a stranger could wear the flash out.
"""

import binascii

from agent import port
from agent.console.levels import ROLES
from agent.tables import Table, beside

CONTEXT = b"pv1 console\n"
LIFE_MS = 180000  # to carry a challenge to the key and the answer back
MAX_LOCK_S = 900
REVOKED = beside(__file__, "revoked.txt")


class LoginError(Exception):
    """Refused; args: the name of the text that says why, and its values."""


class Login:
    """vehicle: its id; sid: of the session; technicians: of the configuration; lock: [wrong answers
    in a row, uptime until which nobody gets in], which outlives us."""

    def __init__(self, vehicle, sid, technicians, lock):
        self._vehicle = vehicle
        self._sid = sid
        self._technicians = technicians
        self._lock = lock
        self._row = None  # of the technician who was asked
        self._role = 0
        self._text = None
        self._until = 0
        self.counters = {"right": 0, "wrong": 0}

    @property
    def who(self):
        """The name that was asked, or None."""
        return self._row["name"] if self._row else None

    def challenge(self, name, role, now):
        """role: its name, None: the most that this technician may do."""
        self._check_lock(now)
        self._text = None
        self._row = None
        for row in self._technicians:
            if row["name"] == name:
                self._row = row
        if self._row is None or (role is not None and role not in ROLES):
            raise LoginError("login.nobody")
        most = ROLES.index(self._row["role"])
        self._role = most if role is None else ROLES.index(role)
        if self._role > most:
            raise LoginError("login.nobody")
        nonce = port.sha256(port.random_bytes(32) + self._sid + str(now).encode())[:16]
        self._text = "%s/%s/%s/%s" % (self._vehicle, name, ROLES[self._role], nonce.hex())
        self._until = now + LIFE_MS
        return self._text

    def answer(self, text, now):
        """The number of the role that is granted. Takes a third of a second on a chip."""
        asked, self._text = self._text, None
        self._check_lock(now)
        if asked is None or now >= self._until:
            raise LoginError("login.late")
        try:
            with open(self._row["modulus"], "rb") as f:
                modulus = f.read(1024)
        except OSError:
            raise LoginError("login.key")
        self._check_revoked(modulus)
        if not self._holds(modulus, text, asked):
            failures = self._lock[0]
            self._lock[0] = failures + 1
            self._lock[1] = now + 1000 * min(MAX_LOCK_S, 1 << min(failures, 10))
            self.counters["wrong"] += 1
            raise LoginError("login.wrong")
        self._lock[0] = self._lock[1] = 0
        self.counters["right"] += 1
        return self._role

    def _check_revoked(self, modulus):
        """By the list that came with the release: whoever may sign software may say so."""
        from agent.update import rsa

        try:
            is_revoked = Table(REVOKED).find(rsa.key_id(modulus).hex()) is not None
        except OSError:
            raise LoginError("login.key")
        if is_revoked:
            raise LoginError("login.revoked")

    def _check_lock(self, now):
        if now < self._lock[1]:
            raise LoginError("login.locked", (self._lock[1] - now + 999) // 1000)

    def _holds(self, modulus, text, asked):
        from agent.update import rsa

        if len(modulus) != rsa.SIZE:
            raise LoginError("login.key")
        try:
            signature = binascii.a2b_base64(text.strip().encode())
        except ValueError:
            return False
        return rsa.verify(int.from_bytes(modulus, "big"), signature, CONTEXT + asked.encode())
