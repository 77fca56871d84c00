"""Which frames of a session the room holds: everything below a number, and ranges above it."""

MAX_RANGES = 64  # what is kept; a range that does not fit means sending again, never losing


class Acks:
    """Grows only. `upto`: all frames below it are held; `ranges`: sorted, disjoint, inclusive."""

    __slots__ = ("upto", "ranges")

    def __init__(self):
        self.upto = 0
        self.ranges = []

    def covers(self, number):
        if number < self.upto:
            return True
        for first, last in self.ranges:
            if first <= number <= last:
                return True
            if first > number:
                break
        return False

    def add(self, upto, ranges=()):
        """Takes in another statement of the room; order and repetition do not matter."""
        self.upto = max(self.upto, upto)
        merged = []
        for first, last in sorted([list(r) for r in ranges] + self.ranges):
            if merged and first <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], last)
            else:
                merged.append([first, last])
        while merged and merged[0][0] <= self.upto:
            self.upto = max(self.upto, merged.pop(0)[1] + 1)
        self.ranges = merged[:MAX_RANGES]
