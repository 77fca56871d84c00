"""The fleet authority on disk: an X.509 CA, the master secret, the fleet root, and a register.

    authority/ca.crt.pem     its certificate: brokers and gateways trust it
    authority/ca.key.pem     ECDSA P-256
    authority/master.json    vehicles' pre-shared keys are derived from it
    authority/root.key.pem   RSA-3072: signs the set of room keys
    authority/register.json  certificates issued and revoked, version of the key set; no secret

The folder belongs on a medium that is offline but for provisioning; no room and no broker needs it.
Only `*.key.pem` and `master.json` are secret; a PKCS#11 token would hold the two key pairs.
"""

import contextlib
import datetime
import ipaddress
import json
import os
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.files import private_folder, write_private
from tools.provision import keys
from tools.provision.errors import ProvisionError

FOLDER = "authority"
_CA_CRT, _CA_KEY, _MASTER, _ROOT = "ca.crt.pem", "ca.key.pem", "master.json", "root.key.pem"
_REGISTER = "register.json"
CA_DAYS = 20 * 365
DAYS = 730  # of a vehicle's, room's or broker's certificate
# The clock of a gateway, or of a broker, may be late by so much.
_BACKDATED = datetime.timedelta(days=1)
_USAGES = {
    # A vehicle's certificate must not do as a broker's, nor a broker's as a client's.
    "vehicle": ExtendedKeyUsageOID.CLIENT_AUTH,
    "room": ExtendedKeyUsageOID.CLIENT_AUTH,
    "broker": ExtendedKeyUsageOID.SERVER_AUTH,
}


def utc():
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def iso(moment):
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exists(folder):
    return (Path(folder) / FOLDER).is_dir()


def create(folder, passphrase=None, now=None):
    """Writes a new authority into `folder`/authority. Raises ProvisionError, never overwrites."""
    path = Path(folder) / FOLDER
    if path.exists():
        raise ProvisionError(f"{path} is there already: its keys would be lost")
    now = now or utc()
    key = ec.generate_private_key(ec.SECP256R1())
    # Two fleets' authorities must not have one name: their certificates would look alike.
    subject = _name("patrol fleet " + os.urandom(4).hex())
    certificate = (
        _builder(subject, subject, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    new = path.with_name(FOLDER + ".new")
    try:
        private_folder(folder)
        new.mkdir(mode=0o700)
        keys.write_private_key(new / _CA_KEY, key, passphrase)
        keys.write_private_key(new / _ROOT, keys.make_root(), passphrase)
        keys.write_master(new / _MASTER, os.urandom(32), passphrase)
        write_private(new / _CA_CRT, certificate.public_bytes(serialization.Encoding.PEM))
        empty = {"certificates": [], "crl_number": 0, "key_set_version": 0, "brokers": []}
        write_private(new / _REGISTER, json.dumps(empty) + "\n")
        new.rename(path)  # all of it or nothing
    except OSError as e:
        raise ProvisionError(f"{e.filename or path}: {e.strerror}") from e
    authority = Authority(folder, passphrase)
    authority.unlock()
    return authority


class Authority:
    """An authority that is there. `unlock()` before its keys are used: to list needs none.

    Who changes the register does so within `changing()`, under the lock of the room's folder."""

    def __init__(self, folder, passphrase=None):
        self.path = Path(folder) / FOLDER
        self._passphrase = passphrase
        self._ca_key = self._root = self._master = None
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
            self.register = json.loads((self.path / _REGISTER).read_text(encoding="utf-8"))
            self.ca_pem = (self.path / _CA_CRT).read_bytes()
            self.certificate = x509.load_pem_x509_certificate(self.ca_pem)
        except OSError as e:
            raise ProvisionError(f"{e.filename}: {e.strerror}") from e
        except ValueError as e:
            raise ProvisionError(f"{self.path}: damaged: {e}") from e
        if mode & 0o077:
            raise ProvisionError(f"{self.path} is open to others (mode {mode:o}): chmod 700 it")

    @contextlib.contextmanager
    def changing(self):
        """The register is written when the block ends without an error."""
        yield self.register
        write_private(self.path / _REGISTER, json.dumps(self.register, indent=1) + "\n")

    def unlock(self):
        """Reads the keys. Raises ProvisionError: a wrong passphrase is noticed before anything is
        changed."""
        if self._master is None:
            self._ca_key = keys.read_private_key(self.path / _CA_KEY, self._passphrase)
            self._root = keys.read_private_key(self.path / _ROOT, self._passphrase)
            self._master = keys.read_master(self.path / _MASTER, self._passphrase)

    def psk(self, vehicle, generation):
        return keys.vehicle_psk(self._master, vehicle, generation)

    def sign_key_set(self, version, room_keys):
        return keys.sign_key_set(self._root, version, room_keys)

    @property
    def root_public(self):
        return self._root.public_key()

    def issue(self, name, kind, days=DAYS, host=None, generation=None, now=None):
        """(certificate, private key) of kind 'vehicle', 'room' or 'broker', entered in the
        register (within `changing`). host: name or address of a broker."""
        now = now or utc()
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.certificate.subject, key.public_key(), now, days)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key())
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_USAGES[kind]]), critical=False)
            .add_extension(issuer, critical=False)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([_general_name(host)])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._ca_key, hashes.SHA256())
        self.register["certificates"].append(
            {
                "name": name,
                "kind": kind,
                "serial": f"{certificate.serial_number:x}",
                "not_after": iso(certificate.not_valid_after_utc),
                "generation": generation,
                "revoked": None,
            }
        )
        return certificate, key

    def certificates(self, name=None, kind=None):
        """Rows of the register, in the order of their issue."""
        return [
            row
            for row in self.register["certificates"]
            if name in (None, row["name"]) and kind in (None, row["kind"])
        ]

    def revoke(self, rows, now=None):
        """Enters the rows as revoked (within `changing`); how many were not so before."""
        fresh = [row for row in rows if row["revoked"] is None]
        for row in fresh:
            row["revoked"] = iso(now or utc())
        return len(fresh)

    def crl(self, now=None):
        """The list of revoked certificates as PEM, numbered anew (within `changing`).

        It is good for as long as the CA: a broker refuses every client on the day that its list
        is overdue, and a fleet that is cut off is worse than a list that nobody renewed."""
        now = now or utc()
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key())
        self.register["crl_number"] += 1
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACKDATED)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(self.register["crl_number"]), critical=False)
            .add_extension(issuer, critical=False)
        )
        for row in self.register["certificates"]:
            if row["revoked"] is not None:
                revoked = (
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(row["serial"], 16))
                    .revocation_date(datetime.datetime.fromisoformat(row["revoked"]))
                    .build()
                )
                builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self._ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject, issuer, public_key, now, days):
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _key_usage(is_ca):
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
