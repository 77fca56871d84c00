"""Runs seeds one after the other, in one process, on one core.

    python -m tests.faults.simulation.run --seeds 1000 [--first 0] [--hours 2]
    python -m tests.faults.simulation.run --seed 17 --trace    one of them, with all that happens
    python -m tests.faults.simulation.run --seed 17 --shrink   the fewest faults that break it

The last line sums up; the exit code is 1 where a promise was broken.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field

from tests.faults.simulation import plan as plans
from tests.faults.simulation.planted import PLANTED, planted
from tests.faults.simulation.shrink import shrink
from tests.faults.simulation.vehicle import Parts
from tests.faults.simulation.world import World

HOUR_MS = 3600000
_SAY_S = 10  # between two lines of progress
_ENOUGH = 20  # violations, then it ends


def run(seed, hours=2.0, parts=Parts, echo=None):
    """Result of one seed."""
    return World(plans.make(seed, hours), parts, echo).run()


@dataclass
class Totals:
    """Of many seeds."""

    seeds: int = 0
    ms: int = 0
    events: int = 0
    crashes: int = 0
    sealed: int = 0
    stored: int = 0
    in_gaps: int = 0
    faults: int = 0
    cpu_s: float = 0.0
    settled: list = field(default_factory=list)
    broken: list = field(default_factory=list)  # (seed, name, text)
    counters: dict = field(default_factory=dict)  # "part counter" -> how often in all seeds

    def add(self, result):
        self.seeds += 1
        self.ms += result.ms
        self.events += result.events
        self.crashes += result.crashes
        for part, counters in result.counters.items():
            for name, count in counters.items():
                key = f"{part} {name}"
                self.counters[key] = self.counters.get(key, 0) + count
        frames = result.counters["frames"]
        self.sealed += frames["sealed"]
        self.stored += frames["stored"]
        self.in_gaps += frames["in_gaps"]
        if result.violation is None:
            self.settled.append(result.settled_ms)
        else:
            self.broken.append((result.seed, *result.violation))

    def line(self):
        settled = sorted(self.settled) or [0]
        return (
            f"{self.seeds} seeds, {self.ms // HOUR_MS} simulated hours, {self.events} events, "
            f"{self.faults} faults, {self.crashes} crashes, {self.sealed} frames sealed, "
            f"{self.stored} stored, {self.in_gaps} in gaps, settled after "
            f"{settled[len(settled) // 2] // 1000} s (median), {settled[-1] // 1000} s (longest), "
            f"{len(self.broken)} violations, {self.cpu_s:.0f} s of one core"
        )


def _plan(seed, hours, without):
    plan = plans.make(seed, hours)
    plan.faults = [fault for fault in plan.faults if fault.kind not in without]
    return plan


def run_many(seeds, hours, parts=Parts, say=print, first_only=False, without=()):
    """Totals of the seeds; first_only: ends at the first violation; without: kinds of faults."""
    totals = Totals()
    said = time.perf_counter()
    began = time.process_time()
    for seed in seeds:
        plan = _plan(seed, hours, without)
        totals.faults += len(plan.faults)
        result = World(plan, parts).run()
        totals.add(result)
        totals.cpu_s = time.process_time() - began
        if result.violation is not None:
            say(f"seed {seed} ({result.digest}): {result.violation[1]}")
            if first_only or len(totals.broken) >= _ENOUGH:
                break
        if time.perf_counter() - said >= _SAY_S:
            said = time.perf_counter()
            say(totals.line())
    return totals


def _one(args):
    plan = _plan(args.seed, args.hours, args.without)
    with planted(args.planted) as parts:
        if args.shrink:
            broken = World(plan, parts).run().violation
            if broken is None:
                print(f"seed {args.seed} breaks nothing")
                return 0
            plan, runs = shrink(plan, parts, broken[0], lambda text: print(text, flush=True))
            print(f"after {runs} runs:")
        print(plan)
        result = World(plan, parts, print if args.trace else None).run()
        if not args.trace and result.violation:
            print(*result.lines[-40:], sep="\n")
    print(f"digest {result.digest}, {result.events} events, {result.ms} ms, {result.counters}")
    print(result.violation[1] if result.violation else "nothing is broken")
    return int(result.violation is not None)


def main():
    parser = argparse.ArgumentParser(description="Simulates delivery under faults, seed by seed.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--hours", type=float, default=2.0, help="mean length of one, simulated")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="print all that happens in it")
    parser.add_argument("--shrink", action="store_true", help="leave out what it does not need")
    parser.add_argument("--counters", action="store_true", help="print what happened how often")
    parser.add_argument("--planted", choices=sorted(PLANTED), help="with this fault built in")
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted(plans.KINDS), help="no such fault"
    )
    args = parser.parse_args()
    if args.seed is not None:
        return _one(args)
    seeds = range(args.first, args.first + args.seeds)
    with planted(args.planted) as parts:
        totals = run_many(
            seeds,
            args.hours,
            parts,
            lambda text: print(text, flush=True),
            bool(args.planted),
            args.without,
        )
    if args.counters:
        for name, count in sorted(totals.counters.items()):
            print(f"{count:>10} {name}")
    print(totals.line())
    return int(bool(totals.broken))


if __name__ == "__main__":
    sys.exit(main())
