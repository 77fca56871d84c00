"""From when to when a certificate holds: X.509 (RFC 5280, 4.1.2.5) in DER or PEM, read by hand.

    validity(begin(file))    ->    (not before, not after), UTC in ms. Raises CertificateError.

Only what stands before the dates is walked over; nothing is verified, that is TLS's to do.
"""

import binascii

from agent.const import const

_BEGINNING = const(1024)  # serial number, issuer and dates are in it; a name has 200 bytes
_MAX_TEXT = const(16384)  # what openssl writes before a certificate in PEM
_SEQUENCE = const(0x30)
_UTC_TIME = const(0x17)
_GENERALIZED = const(0x18)
_VERSION = const(0xA0)
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END"


class CertificateError(ValueError):
    """No certificate whose dates can be read."""


def begin(file):
    """The beginning of a file's first certificate: DER, or PEM with text before it."""
    data = file.read(_BEGINNING)
    for _ in range(_MAX_TEXT // _BEGINNING):
        place = data.find(_BEGIN)
        if place >= 0:
            return data[place:] + file.read(_BEGINNING)
        if data[:1] == b"\x30":
            return data
        data = data[-len(_BEGIN) :] + file.read(_BEGINNING)
    return data


def validity(data):
    """data: as of `begin`, or the whole file."""
    data = _der(data)
    at, end = _enter(data, 0, _SEQUENCE)  # Certificate
    at, end = _enter(data, at, _SEQUENCE)  # TBSCertificate
    if at < end and data[at] == _VERSION:
        at = _over(data, at)
    for _ in range(3):  # serial number, signature, issuer
        at = _over(data, at)
    at, end = _enter(data, at, _SEQUENCE)
    return _time(data, at), _time(data, _over(data, at))


def _der(data):
    """The bytes of the first certificate of a PEM file; a DER file as it is."""
    begin = data.find(_BEGIN)
    if begin < 0:
        return data
    end = data.find(_END, begin)
    text = b"".join(data[begin + len(_BEGIN) : end if end > 0 else len(data)].split())
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4])
    except ValueError:
        raise CertificateError("no base64 in a PEM file")


def _head(data, at):
    """(tag, where the content begins, where it ends)"""
    if at + 2 > len(data):
        raise CertificateError("cut off")
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3 or at + count > len(data):
            raise CertificateError("a length of %d bytes" % count)
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    return tag, at, at + size  # of what holds others only the beginning need be there


def _enter(data, at, tag):
    found, begin, end = _head(data, at)
    if found != tag:
        raise CertificateError("tag %02x where %02x must be" % (found, tag))
    return begin, end


def _over(data, at):
    return _head(data, at)[2]


def _time(data, at):
    tag, begin, end = _head(data, at)
    text = bytes(data[begin:end])
    try:
        if tag == _UTC_TIME and len(text) == 13:
            year = int(text[:2])
            text = (b"19" if year >= 50 else b"20") + text  # RFC 5280, 4.1.2.5.1
        elif tag != _GENERALIZED or len(text) != 15:
            raise CertificateError("no date")
        numbers = [int(text[:4])] + [int(text[i : i + 2]) for i in range(4, 14, 2)]  # noqa: RUF005
    except ValueError:
        raise CertificateError("no date")
    return _utc(*numbers)


def _utc(year, month, day, hour, minute, second):
    """ms since 1970; days by the civil calendar, as time.mktime differs from port to port."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000
