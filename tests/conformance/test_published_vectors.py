"""The published vectors, whole: RFC 3610, Gladman's, NIST CAVS, RFC 5869, RFC 9180 A.7.

Runs under pytest and under MicroPython. Each test says how many cases it must have found, so that
a parser that silently finds none does not pass.
"""

import json

from agent import port
from agent.comms import hpke
from agent.port import curve25519
from agent.port.ccm import Ccm
from agent.port.errors import AeadError
from tests.support.aes import aes
from tests.support.data import vectors

unhex = bytes.fromhex
GLADMAN = 34  # cases in Crypto++'s file


def check(key, nonce, aad, text, sealed, tag):
    """The pure CCM, and the port's own where the sizes are the frames'."""
    boxes = [Ccm(aes, key, tag)]
    if tag == 16 and len(key) == 32:
        boxes.append(port.Aead(key))
    for box in boxes:
        assert box.open(nonce, sealed, aad) == text
        assert box.seal(nonce, text, aad) == sealed


def refuse(key, nonce, aad, sealed, tag):
    boxes = [Ccm(aes, key, tag)]
    if tag == 16 and len(key) == 32:
        boxes.append(port.Aead(key))
    for box in boxes:
        try:
            box.open(nonce, sealed, aad)
        except AeadError:
            continue
        raise AssertionError("a false tag passed")


def test_rfc3610():
    cases = json.loads(vectors("rfc3610/rfc3610_vectors.json"))
    for c in cases:
        sealed = unhex(c["ct"]) + unhex(c["tag"])
        check(unhex(c["key"]), unhex(c["nonce"]), unhex(c["aad"]), unhex(c["msg"]), sealed,
              c["tagSize"])  # fmt: skip
    assert len(cases) == 24


def repeated(text):
    """Bytes of 'hex', or of 'r<count> hex', which Crypto++'s files use for a repetition."""
    count = 1
    if text.startswith("r"):
        head, _, text = text.partition(" ")
        count = int(head[1:])
    return unhex(text.replace(" ", "")) * count


def test_gladman():
    fields = {}
    count = 0
    text = vectors("rfc3610/ccm.txt").replace("\r", "").replace("\\\n", "")
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        name = name.strip()
        if name != "Test":
            fields[name] = value.strip()
            continue
        parts = [repeated(fields[n]) for n in ("Key", "IV", "Header")]
        mac = repeated(fields["MAC"])
        sealed = repeated(fields["Ciphertext"]) + mac
        if value.strip() == "NotVerify":
            refuse(*parts, sealed, len(mac))
        else:
            check(*parts, repeated(fields["Plaintext"]), sealed, len(mac))
        count += 1
    assert count == GLADMAN


def nist(path):
    """Dicts of the fields in force at each 'Count' of a CAVS response file."""
    fields = {}
    case = {}
    for line in vectors("nist/" + path).split("\n"):
        line = line.strip()
        if not line and "Count" in case:
            yield case
            case = dict(fields)
        if not line or line[0] == "#":
            continue
        if line[0] == "[":
            for part in line[1:-1].split(","):
                name, _, value = part.partition("=")
                fields[name.strip()] = value.strip()
            case = dict(fields)
            continue
        name, _, value = line.partition("=")
        name = name.strip()
        case[name] = value.strip()
        if "Count" not in case:
            fields[name] = value.strip()
    if "Count" in case:
        yield case


def check_nist(path):
    passed = refused = 0
    for c in nist(path):
        tag = int(c["Tlen"])
        aad = unhex(c["Adata"]) if int(c["Alen"]) else b""
        key = unhex(c["Key"])
        sealed = unhex(c["CT"])
        if c.get("Result", "Pass") == "Fail":
            refuse(key, unhex(c["Nonce"]), aad, sealed, tag)
            refused += 1
            continue
        text = unhex(c["Payload"]) if int(c["Plen"]) else b""
        check(key, unhex(c["Nonce"]), aad, text, sealed, tag)
        passed += 1
    return passed, refused


def test_nist_decryption_verification():
    assert check_nist("DVPT256.rsp") == (80, 160)
    assert sum(check_nist("DVPT128.rsp")) == 240


def test_nist_variable_sizes():
    assert check_nist("VADT256.rsp") == (330, 0)
    assert check_nist("VNT256.rsp") == (70, 0)
    assert check_nist("VPT256.rsp") == (250, 0)
    assert check_nist("VTT256.rsp") == (70, 0)


def test_hkdf_rfc5869():
    cases = []
    name = None
    for line in vectors("nist/rfc-5869-HKDF-SHA256.txt").split("\n"):
        line = line.strip()
        if not line or line[0] == "#":
            continue
        name, _, value = line.partition("=")
        if name.strip() == "COUNT":
            cases.append({})
        if cases:
            cases[-1][name.strip().upper()] = value.strip()
    for c in cases:
        prk = hpke.extract(unhex(c["SALT"]), unhex(c["IKM"]))
        if "PRK" in c:
            assert prk == unhex(c["PRK"])
        assert hpke.expand(prk, unhex(c["INFO"]), int(c["L"])) == unhex(c["OKM"])
    assert len(cases) >= 3


def hpke_section(title):
    """{name: bytes} of a set-up in the appendix, and its exports [(context, value)]."""
    text = vectors("hpke/rfc9180_A7_x25519_sha256_export_only.md")
    part = text[text.index("### " + title) :]
    end = part.find("\n### ", 5)
    setup, _, exports = (part[:end] if end > 0 else part).partition("#### Exported Values")
    fields = {}
    name = None
    for line in setup.split("\n"):
        line = line.strip()
        if line[:1] in ("#", "~", ""):
            continue
        if ":" in line:
            name, _, value = line.partition(":")
            fields[name.strip()] = value.strip()
        else:
            fields[name.strip()] += line
    found = []
    for line in exports.split("\n"):
        label, _, value = line.partition(":")
        if label == "exporter_context":
            found.append([value.strip(), None])
        elif label == "exported_value":
            found[-1][1] = value.strip()
        elif found and found[-1][1] == "" and line.strip()[:1] not in ("~", "#", "L", ""):
            found[-1][1] = line.strip()
    return fields, found


def test_hpke_psk_export_only():
    fields, exports = hpke_section("PSK Setup Information")
    f = {name: unhex(value) for name, value in fields.items() if len(value) > 8}
    for x25519 in (port.x25519, lambda k, u=None: curve25519.run(
        curve25519.steps(k, u or b"\x09" + bytes(31)))):  # fmt: skip
        assert x25519(f["skEm"]) == f["enc"] == f["pkEm"]
        dh = x25519(f["skEm"], f["pkRm"])
        assert dh == x25519(f["skRm"], f["enc"])
        shared = hpke.kem_secret(dh, f["enc"], f["pkRm"])
        assert shared == f["shared_secret"]
        secret = hpke.exporter_secret(shared, f["info"], f["psk"], f["psk_id"])
        assert secret == f["exporter_secret"]
    assert len(exports) == 3
    for context, value in exports:
        assert hpke.export(secret, unhex(context), 32) == unhex(value)
