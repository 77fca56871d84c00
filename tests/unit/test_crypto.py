"""Known answers typed in from the standards; the published files are in tests/conformance."""

from agent import port
from agent.comms import hpke
from agent.port import curve25519
from agent.port.ccm import Ccm
from agent.port.errors import AeadError
from agent.port.hmac import hmac_sha256
from tests.support.aes import aes


def unhex(text):
    return bytes.fromhex(text.replace(" ", "").replace("\n", ""))


# RFC 7748 section 5.2, first vector
SCALAR = unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
POINT = unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
PRODUCT = unhex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")

# RFC 9180 appendix A.7.2 (PSK, X25519, SHA-256, export-only)
INFO = unhex("4f6465206f6e2061204772656369616e2055726e")
SK_E = unhex("1d72396121a6a826549776ef1a9d2f3a2907fc6a38902fa4e401afdb0392e627")
PK_R = unhex("d53af36ea5f58f8868bb4a1333ed4cc47e7a63b0040eb54c77b9c8ec456da824")
PSK = unhex("0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82")
PSK_ID = unhex("456e6e796e20447572696e206172616e204d6f726961")
ENC = unhex("d3805a97cbcd5f08babd21221d3e6b362a700572d14f9bbeb94ec078d051ae3d")
SHARED = unhex("024573db58c887decb4c57b6ed39f2c9a09c85600a8a0ecb11cac24c6aaec195")
EXPORTER = unhex("04261818aeae99d6aba5101bd35ddf3271d909a756adcef0d41389d9ed9ab153")
EXPORTED = unhex("be6c76955334376aa23e936be013ba8bbae90ae74ed995c1c6157e6f08dd5316")


def test_x25519_rfc7748():
    assert port.x25519(SCALAR, POINT) == PRODUCT
    assert curve25519.run(curve25519.steps(SCALAR, POINT)) == PRODUCT


def test_x25519_both_ways_agree_and_steps_breathe():
    for seed in range(3):
        private = port.sha256(bytes((seed,)))
        public = port.x25519(private)
        pure = curve25519.run(curve25519.steps(private, b"\x09" + bytes(31)))
        assert public == pure
        assert port.x25519(SCALAR, public) == port.x25519(private, port.x25519(SCALAR))
    assert len(list(curve25519.steps(SCALAR, POINT))) > 60


def test_hmac_rfc4231():
    want = unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    for mac in (hmac_sha256, port.hmac_sha256):
        assert mac(b"Jefe", b"what do ya want for nothing?") == want
    # case 6: a key longer than a block
    want = unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    text = b"Test Using Larger Than Block-Size Key - Hash Key First"
    for mac in (hmac_sha256, port.hmac_sha256):
        assert mac(b"\xaa" * 131, text) == want


def test_hkdf_rfc5869_case_1():
    prk = hpke.extract(unhex("000102030405060708090a0b0c"), b"\x0b" * 22)
    okm = hpke.expand(prk, unhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert okm == unhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_ccm_rfc3610_packet_vector_1():
    ccm = Ccm(aes, unhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"), tag=8)
    nonce = unhex("00000003020100a0a1a2a3a4a5")
    aad = unhex("0001020304050607")
    text = unhex("08090a0b0c0d0e0f101112131415161718191a1b1c1d1e")
    sealed = unhex("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0")
    assert ccm.seal(nonce, text, aad) == sealed
    assert ccm.open(nonce, sealed, aad) == text


def test_ccm_pure_equals_the_port_and_refuses_every_flipped_bit():
    key = port.sha256(b"key")
    pure = Ccm(aes, key)
    native = port.Aead(key)
    nonce = bytes(range(13))
    for n in (0, 1, 15, 16, 17, 31, 200, 1000):
        text = bytes([i * 7 & 255 for i in range(n)])
        sealed = native.seal(nonce, text, b"head")
        assert pure.seal(nonce, text, b"head") == sealed
        assert pure.open(nonce, sealed, b"head") == text
    sealed = native.seal(nonce, b"position", b"head")
    for box in (pure, native):
        for i in range(len(sealed) * 8):
            bad = bytearray(sealed)
            bad[i // 8] ^= 1 << i % 8
            try:
                box.open(nonce, bytes(bad), b"head")
                raise AssertionError("bit %d passed" % i)
            except AeadError:
                pass
        for cut in range(len(sealed)):
            try:
                box.open(nonce, sealed[:cut], b"head")
                raise AssertionError("cut at %d passed" % cut)
            except AeadError:
                pass


def test_hpke_rfc9180_a72():
    assert port.x25519(SK_E) == ENC
    shared = hpke.kem_secret(port.x25519(SK_E, PK_R), ENC, PK_R)
    assert shared == SHARED
    secret = hpke.exporter_secret(shared, INFO, PSK, PSK_ID)
    assert secret == EXPORTER
    assert hpke.export(secret, b"", 32) == EXPORTED


def test_a_zero_public_key_is_refused():
    dh = port.x25519(SCALAR, bytes(32))
    try:
        hpke.kem_secret(dh, ENC, PK_R)
        raise AssertionError("a zero share passed")
    except hpke.KeyAgreementError:
        pass
