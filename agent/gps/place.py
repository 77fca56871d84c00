"""A receiver's position, sentence after sentence: decodes only what changed in its text.

The four fields of a position stand in a row, `3401.24024,N,00650.21038,W,`. The sentences of an
epoch repeat them to the letter, and from one epoch to the next only the digits behind the points
change until the car has passed a minute of arc (a nautical mile to the north). So most positions
cost some comparisons and the conversion of a few digits.
"""

from agent.const import const
from agent.gps.fields import int, position

_NOTHING = const(b"$")  # stands in no sentence


class Place:
    """`read(sentence, at)` where a position's fields stand, or `decode(fields...)`; then lat, lon.

    lat, lon: micro-degrees, both None after a position with an empty field. What could not be
    decoded is not remembered.
    """

    def __init__(self):
        self.lat = self.lon = None
        self._text = _NOTHING  # the four fields as they stand in a sentence, each with its comma
        self._size = 1  # of that
        self._lat = _Angle()
        self._lon = _Angle()

    def read(self, s, at):
        """Decode the position that stands in `s` from index `at` on, if it is near the last one.
        Returns the index behind its last comma; 0: unchanged, and decode() is to be called."""
        if s.startswith(self._text, at):
            return at + self._size
        end = self._lat.read(s, at)
        if end:
            end = self._lon.read(s, end)
            if end:
                self.lat = self._lat.value
                self.lon = self._lon.value
                self._text = s[at:end]
                self._size = end - at
        return end

    def decode(self, lat, north, lon, east):
        """The same for any four fields; FieldError when they are no position."""
        text = b",".join((lat, north, lon, east)) + b","
        if text == self._text:
            return
        self._text = _NOTHING
        self.lat, self.lon = position(lat, north, lon, east)
        self._text = text
        self._size = len(text)
        self._lat.learn(lat, north, 90)
        self._lon.learn(lon, east, 180)


class _Angle:
    """Latitude or longitude: two fields, `3401.24024,N,`. `value` holds after `read`."""

    def __init__(self):
        self.value = 0
        self._head = _NOTHING  # `3401.`
        self._foot = _NOTHING  # `,N,`
        self._from = self._to = 0  # where the digits stand between them
        self._size = 0
        self._whole = 0  # the whole minutes, in units of the last digit
        self._num = self._half = self._den = 1  # micro-degrees a unit, as a fraction
        self._sign = 1  # -1: south or west

    def read(self, s, at):
        """The index behind the angle that stands in `s` from `at` on; 0: it is another minute."""
        digits = s[at + self._from : at + self._to]
        if (
            s.startswith(self._head, at)
            and s.startswith(self._foot, at + self._to)
            and digits.isdigit()
        ):
            n = (self._whole + int(digits)) * self._num
            self.value = (n + self._half) // self._den * self._sign
            return at + self._size
        return 0

    def learn(self, field, hemisphere, limit):
        """Take the minute of a good angle, whose absolute value is below `limit` degrees."""
        self._head = _NOTHING
        dot = field.find(b".")
        places = len(field) - 1 - dot
        if dot < 0 or not places:
            return
        n = int(field[:dot] or b"0")
        minutes = n // 100 * 60 + n % 100
        if minutes >= limit * 60:
            return  # one digit more would be beyond the pole
        self._head = field[: dot + 1]
        self._foot = b"," + hemisphere + b","
        self._from = dot + 1
        self._to = len(field)
        self._size = self._to + len(self._foot)
        self._sign = -1 if hemisphere == b"S" or hemisphere == b"W" else 1
        self._whole = minutes * 10**places
        # A minute is 100,000 / 6 micro-degrees; + half of the divisor rounds to nearest.
        self._num = 10 ** max(0, 5 - places)
        self._den = 6 * 10 ** max(0, places - 5)
        self._half = self._den >> 1
