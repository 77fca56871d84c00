"""What is known to be true: the log that results are compared with.

One JSON object a line; `utc` is scenario UTC in ms at the moment when the last byte of the
epoch or answer was handed to the UART:

    {"k":"gps","utc":ms,"lat":micro-degrees,"lon":..,"alt":cm,"speed":cm/s,"heading":centi-degrees,
     "sats":n,"valid":bool,"fix_utc":ms}   what the sentences say; null where they say nothing
    {"k":"obd","utc":ms,"pid":12,"value":physical}   exactly as the sent bytes decode
    {"k":"vin","utc":ms,"vin":text}   {"k":"dtc","utc":ms,"codes":[..]}   (stored codes)

`fix_utc` is the time of the position by the sentences' own date and time. Rounding is to the
nearest unit, halves away from zero.
"""

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import pynmea2

_KNOT = Decimal(185200) / Decimal(3600)  # cm/s
_DAY_MS = 86_400_000


class Log:
    """Writes rows to a file as they happen; without a path it only counts."""

    def __init__(self, path=None):
        self._file = open(path, "w", encoding="utf-8") if path else None  # noqa: SIM115
        self.rows = 0

    def add(self, row, utc):
        self.rows += 1
        if self._file:
            line = json.dumps({"k": row["k"], **row, "utc": utc}, separators=(",", ":"))
            self._file.write(line + "\n")
            self._file.flush()

    def close(self):
        if self._file:
            self._file.close()


class Reader:
    """Makes truth rows out of sentences, by pynmea2; remembers the date between epochs.

    This is a second opinion on agent/gps and shares no code with it.
    """

    def __init__(self):
        self._date = None  # ms since 1970 at midnight

    def row(self, sentences):
        """The truth row of one epoch's `sentences` (bytes each); None if none has a position.

        Sentences that are damaged or of no use here are passed over.
        """
        parsed = {}
        for sentence in sentences:
            try:
                message = pynmea2.parse(sentence.decode("ascii").strip(), check=True)
            except (pynmea2.ParseError, UnicodeDecodeError):
                continue
            if not isinstance(message, pynmea2.TalkerSentence):
                continue  # a maker's own
            # A second GGA of the epoch (other constellation) adds nothing to the position.
            parsed.setdefault(message.sentence_type, message.data)
        rmc, gga, gll = (parsed.get(k) for k in ("RMC", "GGA", "GLL"))
        if "ZDA" in parsed:
            self._learn_date(parsed["ZDA"][1:4])
        if rmc is not None:
            return self._with_rmc(rmc, gga)
        if gga is not None:
            return self._row(gga[0], gga[1:5], gga, valid=_field(gga, 5) not in ("", "0"))
        if gll is not None:
            return self._row(_field(gll, 4), gll[0:4], None, valid=_field(gll, 5) == "A")
        return None

    def _with_rmc(self, rmc, gga):
        date = _field(rmc, 8)
        if len(date) == 6:
            year = int(date[4:])
            self._learn_date((date[:2], date[2:4], str(year + (2000 if year < 80 else 1900))))
        valid = rmc[1] == "A" and _field(rmc, 11) != "N"
        row = self._row(rmc[0], rmc[2:6], gga, valid)
        row["speed"] = _whole(_field(rmc, 6), _KNOT)
        heading = _whole(_field(rmc, 7), 100)
        row["heading"] = None if heading is None else heading % 36000
        return row

    def _learn_date(self, day_month_year):
        try:
            day, month, year = map(int, day_month_year)
            self._date = int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            pass

    def _row(self, time, position, gga, valid):
        lat, lon = _degrees(position[0], position[1], 90), _degrees(position[2], position[3], 180)
        if lat is None or lon is None:
            lat = lon = None
        tod = time_of_day(time)
        return {
            "k": "gps",
            "lat": lat,
            "lon": lon,
            "alt": _whole(_field(gga, 8), 100) if gga else None,
            "speed": None,
            "heading": None,
            "sats": _whole(_field(gga, 6), 1) if gga else None,
            "valid": valid and lat is not None,
            "fix_utc": None if tod is None or self._date is None else self._date + tod,
        }


def time_of_day(text):
    """ms of the day for hhmmss[.sss]; None if blank."""
    if len(text) < 6 or not text[:6].isdigit():
        return None
    seconds = _whole(text[4:], 1000)
    return (int(text[:2]) * 60 + int(text[2:4])) * 60_000 + seconds


def _field(fields, i):
    return fields[i] if fields is not None and i < len(fields) else ""


def _whole(text, scale):
    """Decimal `text` times `scale` as an integer; None if blank or no number."""
    try:
        return int((Decimal(text) * scale).quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation:
        return None


def _degrees(text, side, most):
    """Micro-degrees for dddmm.mmmm and its hemisphere letter; None if blank or impossible."""
    point = text.find(".") if "." in text else len(text)
    minutes = _whole(text[point - 2 :], 10**9) if point >= 3 else None
    if minutes is None or side not in ("N", "S", "E", "W"):
        return None
    # In units of 10^-9 minutes, so that halves are seen exactly.
    total = int(text[: point - 2]) * 60 * 10**9 + minutes
    micro = (total * 2 + 60_000) // 120_000
    if micro > most * 1_000_000:
        return None
    return -micro if side in ("S", "W") else micro
