"""Does the ignition input see the ignition? python -m hardware.spice.ignition

The divider with resistors at the ends of their tolerance, the clamp's leakage at the ends of the
temperature range, against the buffer's thresholds and its absolute maximum of 6.5 V. The thresholds
are those of the second source, which are wider than the first one's: Nexperia 74LVC1G17 family,
-40 to 85 C, 2.20 V at most and 0.60 V at least at 3.0 V, 3.10 V and 1.00 V at 4.5 V; interpolated
for 3.4 V (highest) and 3.2 V (lowest).
"""

from hardware.spice.ngspice import simulate

ON_MAX, OFF_MIN = 2.44, 0.65  # V: highest positive-going, lowest negative-going threshold
INPUT_MAX, INPUT_MIN = 6.5, -0.7  # V; below ground the lower clamp diode holds
TEMPERATURES = (-40, 25, 85)
TOLERANCE = 0.01 + 0.0065  # 1 %, and 100 ppm/K over 65 K
SUPPLIES = (3.2, 3.3, 3.4)
UPPER, LOWER = 100e3, 68e3


def curve(temperature, supply=3.3, spread=0.0):
    """[(volts in the car, volts at the buffer)]; spread: upper resistor larger, lower smaller."""
    found = simulate("ignition", UPPER=UPPER * (1 + spread), LOWER=LOWER * (1 - spread),
                     SUPPLY=supply, TEMPERATURE=temperature)  # fmt: skip
    scale = next(iter(found))
    return list(zip(found[scale], found["v(node)"], strict=True))


def at(points, volts):
    """The buffer's input at a voltage in the car."""
    return min(points, key=lambda p: abs(p[0] - volts))[1]


def switches_on(points):
    """Lowest car voltage that is seen as on by every buffer."""
    return next(car for car, node in points if car > 0 and node > ON_MAX)


def main():
    for temperature in TEMPERATURES:
        worst = curve(temperature, 3.4, TOLERANCE)
        highest = at(curve(temperature, 3.4, -TOLERANCE), 35)
        print(f"{temperature:4} C: on above {switches_on(worst):.2f} V; "
              f"7 V gives {at(worst, 7):.2f} V, 16 V {at(worst, 16):.2f} V, "
              f"35 V {highest:.2f} V, -24 V {at(worst, -24):.2f} V")  # fmt: skip


if __name__ == "__main__":
    main()
