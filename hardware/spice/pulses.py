"""The car's pulses, and what each leaves of the supply: python -m hardware.spice.pulses.

Sources: ISO 7637-2:2011 (pulses 1, 2a, 3a, 3b; level IV) and ISO 16750-2:2012 (jump start, reversed
battery, load dump test B, start profiles), both for 12 V systems, shapes as piecewise lines.
"""

from hardware.spice.ngspice import simulate

# Absolute maxima of what hangs on each node, in V.
LIMITS = {
    "vin": (-0.3, 60.0),  # TPS54360 60 V (65 V absolute), LM5166Y 65 V
    "line": (-65.0, 65.0),  # LM74700-Q1, ANODE
    "across": (-5.0, 75.0),  # LM74700-Q1, CATHODE to ANODE; the FET takes 100 V
}
BATTERY = 13.5


def _exponential(peak, rise, duration, base, start=1e-4):
    """Double-exponential pulse on `base`: to 10 % after `duration`."""
    tau = duration / 2.303
    return f"EXP({base} {base + peak} {start} {rise / 3} {start + rise} {tau})"


def _lines(*points):
    return "PWL(" + " ".join(f"{t} {v}" for t, v in points) + ")"


def _dump(peak):
    """Load dump: 10 ms up, gone after 400 ms."""
    up = ((0, BATTERY), (0.01, BATTERY), (0.02, peak))
    return _lines(*up, (0.2, peak), (0.42, BATTERY), (0.5, BATTERY))


def start_profile(dip, low, seconds):
    """Start profile: 5 ms down to `dip`, 15 ms there, 50 ms up to `low`, `seconds` there, back."""
    down = ((0, 12), (0.05, 12), (0.055, dip), (0.07, dip))
    end = 0.12 + seconds
    return _lines(*down, (0.12, low), (end, low), (end + 0.1, 12), (end + 0.3, 12))


# Start profiles I, II and III: the dip and what follows it, V.
STARTS = {"crank-1": (8, 9.5), "crank-2": (4.5, 6.5), "crank-3": (3, 5)}


def _start(name):
    return start_profile(*STARTS[name], 1)


_JUMP = _lines((0, 12), (0.1, 12), (0.11, 24), (1, 24), (1.1, 12))
_REVERSED = _lines((0, 0), (0.01, -14), (0.2, -14))
_PULSE_1 = _exponential(-150, 1e-6, 2e-3, 0)
_PULSE_2A = _exponential(112, 1e-6, 5e-5, BATTERY)
_PULSE_3A = _exponential(-220, 5e-9, 1.5e-7, BATTERY, 1e-6)
_PULSE_3B = _exponential(150, 5e-9, 1.5e-7, BATTERY, 1e-6)

# name -> (title, source, inner resistance, step, end, start voltage of the filter)
PULSES = {
    "pulse-1": ("ISO 7637-2 pulse 1, -150 V", _PULSE_1, 10, 2e-7, 3e-3, BATTERY),
    "pulse-2a": ("ISO 7637-2 pulse 2a, +112 V", _PULSE_2A, 2, 2e-8, 5e-4, BATTERY),
    "pulse-3a": ("ISO 7637-2 pulse 3a, -220 V", _PULSE_3A, 50, 1e-9, 1e-5, BATTERY),
    "pulse-3b": ("ISO 7637-2 pulse 3b, +150 V", _PULSE_3B, 50, 1e-9, 1e-5, BATTERY),
    "load-dump": ("ISO 16750-2 load dump, test B, 35 V", _dump(35), 0.5, 2e-5, 0.5, BATTERY),
    "jump-start": ("ISO 16750-2 jump start, 24 V (1 s of 60 s)", _JUMP, 0.1, 1e-4, 1.2, 12),
    "reversed": ("ISO 16750-2 reversed battery, -14 V (0.2 s of 60 s)",
                 _REVERSED, 0.1, 2e-5, 0.2, 0),
    "crank-1": ("ISO 16750-2 start profile I, 8 V", _start("crank-1"), 0.05, 1e-4, 1.4, 12),
    "crank-2": ("ISO 16750-2 start profile II, 4.5 V", _start("crank-2"), 0.05, 1e-4, 1.4, 12),
    "crank-3": ("ISO 16750-2 start profile III, 3 V", _start("crank-3"), 0.05, 1e-4, 1.4, 12),
}  # fmt: skip
# The alternator without a clamp: what is not survived, and by how much.
NOT_SURVIVED = (
    "ISO 16750-2 load dump, test A, 87 V, 2 Ohm", _dump(87), 2, 2e-5, 0.5, BATTERY
)  # fmt: skip


def run(row, power=6.0):
    """Simulates one row; power: W that the board takes. Adds the vector 'across'."""
    title, source, inner, step, end, start = row
    found = simulate("input", TITLE=title, SOURCE=source, RI=inner, STEP=step, END=end, START=start,
                     POWER=power)  # fmt: skip
    found["across"] = [c - a for c, a in zip(found["v(cathode)"], found["v(line)"], strict=True)]
    return found


def extremes(found):
    """{node: (lowest, highest)} of the nodes in LIMITS."""
    vectors = {"vin": found["v(vin)"], "line": found["v(line)"], "across": found["across"]}
    return {name: (min(values), max(values)) for name, values in vectors.items()}


def clamp_energy(found):
    """J that the clamps take: the line's voltage times the current above what the filter draws,
    counted while the line is above 38.6 V or below -30.4 V."""
    time, line, current = found["time"], found["v(line)"], found["i(vsource)"]
    total = 0.0
    for i in range(1, len(time)):
        if line[i] > 38.6 or line[i] < -30.4:
            total += abs(line[i] * current[i]) * (time[i] - time[i - 1])
    return total


def main():
    print(f"{'pulse':48} {'line, V':>17} {'+VIN, V':>15} {'across, V':>16} {'clamp':>8}")
    for row in [*PULSES.values(), NOT_SURVIVED]:
        found = run(row)
        at = extremes(found)
        print(f"{row[0]:48} {at['line'][0]:7.1f} .. {at['line'][1]:5.1f} {at['vin'][0]:6.1f} .. "
              f"{at['vin'][1]:4.1f} {at['across'][0]:6.1f} .. {at['across'][1]:5.1f} "
              f"{clamp_energy(found):6.2f} J")  # fmt: skip


if __name__ == "__main__":
    main()
