"""A small certificate authority for tests: P-256, valid for a day, as PEM and as DER files."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Authority:
    """`ca(form)` and `issue(name, form)` give file paths; form is 'pem' or 'der'."""

    def __init__(self, folder, name="test CA"):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._subject = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._write("ca", self._build(self._subject, self._key.public_key(), ca=True))

    def _build(self, subject, public_key, ca=False, dns=None, days=1):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + min(0, days - 1) * _DAY - _DAY)
            .not_valid_after(now + days * _DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if dns:
            names = x509.SubjectAlternativeName([x509.DNSName(dns)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name, certificate, key=None):
        encodings = (("pem", serialization.Encoding.PEM), ("der", serialization.Encoding.DER))
        for form, encoding in encodings:
            path = self._folder / (f"{name}.crt.{form}")
            path.write_bytes(certificate.public_bytes(encoding))
            if key is not None:
                data = key.private_bytes(
                    encoding,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
                (self._folder / (f"{name}.key.{form}")).write_bytes(data)

    def ca(self, form="pem"):
        return str(self._folder / ("ca.crt." + form))

    def issue(self, name, form="pem", dns=None, days=1):
        """(certificate, key) for a common name, made at the first call; days: until it ends."""
        if not (self._folder / (name + ".key.pem")).exists():
            key = ec.generate_private_key(ec.SECP256R1())
            self._write(name, self._build(_name(name), key.public_key(), dns=dns, days=days), key)
        return tuple(str(self._folder / (f"{name}.{s}.{form}")) for s in ("crt", "key"))
