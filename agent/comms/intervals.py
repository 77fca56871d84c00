"""Sorted lists of disjoint inclusive [first, last]: numbers of a session, in little room."""


def merged(*lists):
    """One such list of all that is in the lists; touching neighbours become one."""
    every = []
    for ranges in lists:
        every.extend([[first, last] for first, last in ranges])
    every.sort()
    found = []
    for first, last in every:
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found


def shortened(ranges, most):
    """The list without its shortest ranges, so that no more than `most` are left."""
    while len(ranges) > most:
        shortest = min([last - first for first, last in ranges])
        for i, (first, last) in enumerate(ranges):
            if last - first == shortest:
                ranges.pop(i)
                break
    return ranges
