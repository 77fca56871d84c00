"""A set of integers kept as disjoint inclusive intervals: which frames of a session are held.

Not a sliding window: backlog arrives after live frames, by hours, and every number counts once. A
session that arrived without holes takes one interval, however long it is.
"""

from bisect import bisect_right


class IntervalSet:
    """`ranges`: sorted [first, last] pairs, neither touching nor overlapping."""

    __slots__ = ("ranges",)

    def __init__(self, ranges=()):
        self.ranges = [[first, last] for first, last in ranges]

    def __contains__(self, number):
        i = bisect_right(self.ranges, [number + 1])  # first pair that begins behind the number
        return i > 0 and self.ranges[i - 1][1] >= number

    def add(self, number):
        """True when the number was not in it yet."""
        ranges = self.ranges
        i = bisect_right(ranges, [number + 1])
        before = ranges[i - 1] if i else None
        if before and before[1] >= number:
            return False
        # A pair may begin at number + 1, and sorts behind [number + 1].
        after = ranges[i] if i < len(ranges) and ranges[i][0] == number + 1 else None
        if before and before[1] == number - 1:
            before[1] = after[1] if after else number
            if after:
                del ranges[i]
        elif after:
            after[0] = number
        else:
            ranges.insert(i, [number, number])
        return True

    def count(self):
        return sum(last - first + 1 for first, last in self.ranges)

    def upto(self):
        """All numbers below it are held."""
        return self.ranges[0][1] + 1 if self.ranges and self.ranges[0][0] == 0 else 0

    def above(self):
        """The ranges above `upto`."""
        return self.ranges[1:] if self.upto() else self.ranges

    def holes(self):
        """Generator of (first, last) below the highest number that are not held."""
        start = 0
        for first, last in self.ranges:
            if first > start:
                yield start, first - 1
            start = last + 1
