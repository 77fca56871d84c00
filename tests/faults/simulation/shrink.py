"""The fewest faults that still break the same promise.

The world's own chance stays as the seed has it; only entries of the schedule are left out, by
halves first, then one by one (delta debugging, Zeller and Hildebrandt 2002), and what comes after
the failure at once.
"""

from dataclasses import replace

from tests.faults.simulation.world import World

MAX_RUNS = 400


def shrink(plan, parts, name, say=lambda text: None):
    """(Plan with as few faults as can be found, runs that it took); the violation stays `name`."""
    runs = 0

    def fails(faults):
        nonlocal runs
        runs += 1
        result = World(replace(plan, faults=faults), parts).run()
        return result.violation is not None and result.violation[0] == name

    faults = list(plan.faults)
    size = max(1, len(faults) // 2)
    while faults and runs < MAX_RUNS:
        start = 0
        has_shrunk = False
        while start < len(faults) and runs < MAX_RUNS:
            fewer = faults[:start] + faults[start + size :]
            if fails(fewer):
                faults = fewer
                has_shrunk = True
                say(f"{len(faults)} faults")
            else:
                start += size
        if size == 1 and not has_shrunk:
            break
        size = max(1, size // 2)
    return replace(plan, faults=faults), runs
