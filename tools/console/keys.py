"""A technician's key, and the answer to a challenge: see `agent/console/login.py`.

NAME.key and NAME.pub are made as update keys are (`tools/release/keys.py`); NAME.modulus, 384
bytes, is what a vehicle's configuration names. A key is good for one thing: what it signs begins
with words of its own.
"""

import base64
import re
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from agent.console.login import CONTEXT
from tools.console import ConsoleError
from tools.release import ReleaseError
from tools.release import keys as release_keys

CHALLENGE = re.compile(r"([a-z0-9-]{1,24})/([^/\s]{1,24})/(look|service|danger)/[0-9a-f]{32}")


def create(folder, name, passphrase=None):
    """Makes the three files; their path without the ending. Raises ConsoleError."""
    try:
        release_keys.create(folder, name, passphrase)
        path = Path(folder) / name
        private = release_keys.load_private(path.with_suffix(".key"), passphrase)
        path.with_suffix(".modulus").write_bytes(release_keys.modulus(private.public_key()))
    except (ReleaseError, OSError) as error:
        raise ConsoleError(str(error)) from None
    return path


def answer(path, challenge, passphrase=None):
    """The base64 text that answers a challenge, signed by the key in that file. Raises
    ConsoleError; nothing is signed that is no challenge."""
    if not CHALLENGE.fullmatch(challenge):
        raise ConsoleError("that is no challenge: VEHICLE/NAME/ROLE/ and 32 hexadecimal digits")
    try:
        key = release_keys.load_private(path, passphrase)
    except ReleaseError as error:
        raise ConsoleError(str(error)) from None
    signature = key.sign(CONTEXT + challenge.encode(), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()
