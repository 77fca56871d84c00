"""Readiness: which of the car's own monitors have done their work (SAE J1979, PIDs 01 and 41).

PID 01 counts from the last clearing of trouble codes, PID 41 in this driving cycle. Spark and
compression engines have different monitors behind the same bits; bit 3 of the second byte says
which.
"""

COMPLETE = "complete"
INCOMPLETE = "incomplete"
NOT_SUPPORTED = "not supported"

SPARK = "spark"
COMPRESSION = "compression"

# Second byte: bits 0..2 there, 4..6 not complete yet
CONTINUOUS = ("misfire", "fuel system", "components")
# Third byte: there, fourth byte: not complete yet; None is reserved
SPARK_MONITORS = (
    "catalyst",
    "heated catalyst",
    "evaporative system",
    "secondary air",
    "air conditioning refrigerant",  # newer: gasoline particulate filter
    "oxygen sensor",
    "oxygen sensor heater",
    "EGR or VVT",
)
COMPRESSION_MONITORS = (
    "NMHC catalyst",
    "NOx or SCR aftertreatment",
    None,
    "boost pressure",
    None,
    "exhaust gas sensor",
    "PM filter",
    "EGR or VVT",
)


def decode(data):
    """The four bytes of PID 01 or 41 ->

    {"mil": bool, "codes": number, "ignition": "spark" or "compression",
     "monitors": [(name, "complete" | "incomplete" | "not supported"), ...]}

    "mil" and "codes" mean nothing in PID 41. A reserved bit that is set shows as "reserved N".
    """
    found = []
    for bit, name in enumerate(CONTINUOUS):
        found.append((name, _state(data[1] >> bit & 1, data[1] >> (bit + 4) & 1)))
    compression = data[1] >> 3 & 1
    for bit, name in enumerate(COMPRESSION_MONITORS if compression else SPARK_MONITORS):
        there = data[2] >> bit & 1
        if name or there:
            found.append((name or "reserved %d" % bit, _state(there, data[3] >> bit & 1)))
    return {
        "mil": bool(data[0] & 0x80),
        "codes": data[0] & 0x7F,
        "ignition": COMPRESSION if compression else SPARK,
        "monitors": found,
    }


def incomplete(decoded):
    """The names of the monitors that have not finished."""
    return [name for name, state in decoded["monitors"] if state == INCOMPLETE]


def _state(there, waiting):
    if not there:
        return NOT_SUPPORTED
    return INCOMPLETE if waiting else COMPLETE
