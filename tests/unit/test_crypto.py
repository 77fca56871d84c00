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


# RFC 7748 section 5.2, second vector: the highest bit of the point is not part of it
SCALAR2 = unhex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d")
POINT2 = unhex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")
PRODUCT2 = unhex("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")
# The same section: k, u = X25519(k, u), k from k = u = 9, so many times over
ITERATED = (
    (1, unhex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")),
    (1000, unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")),
)
# Section 6.1
ALICE = unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
BOB = unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
ALICE_PUBLIC = unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOB_PUBLIC = unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
AGREED = unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")


def pure(scalar, point=b"\x09" + bytes(31)):
    return curve25519.run(curve25519.steps(scalar, point))


def test_x25519_rfc7748_the_rest():
    for x25519 in (port.x25519, pure):
        assert x25519(SCALAR2, POINT2) == PRODUCT2
        assert x25519(ALICE) == ALICE_PUBLIC and x25519(BOB) == BOB_PUBLIC
        assert x25519(ALICE, BOB_PUBLIC) == x25519(BOB, ALICE_PUBLIC) == AGREED


def test_x25519_rfc7748_iterated():
    """The port's own and the pure one take turns: each must be right."""
    k = u = b"\x09" + bytes(31)
    done = 0
    for count, want in ITERATED:
        while done < count:
            k, u = (pure if done % 2 else port.x25519)(k, u), k
            done += 1
        assert k == want, count


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


# Every point of an order that divides the cofactor, in its forms of less than 2^255: 0, 1, p - 1,
# p, p + 1 and the two of order 8.
LOW_ORDER = (
    bytes(32),
    b"\x01" + bytes(31),
    unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    unhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    unhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
)


def test_a_public_key_of_low_order_is_refused():
    for point in LOW_ORDER:
        for x25519 in (port.x25519, pure):
            for top in (0, 0x80):  # the highest bit is ignored
                dh = x25519(SCALAR, point[:31] + bytes((point[31] | top,)))
                assert dh == bytes(32), point.hex()
                try:
                    hpke.kem_secret(dh, ENC, PK_R)
                except hpke.KeyAgreementError:
                    continue
                raise AssertionError("a share of low order passed: %s" % point.hex())
