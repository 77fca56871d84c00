"""The adapters that one meets: genuine ELM327s, STNs, and clones with their faults.

A Kind says how an adapter differs from the perfect one; `of(obd)` gives the Kind of a scenario.
Sources: ELM Electronics' data sheet and list of commands by version, OBD Solutions' reference
and programming manual; the clones after what their users report.
"""

from dataclasses import dataclass, replace

_GENERIC = "OBDII to RS232 Interpreter"


@dataclass(frozen=True)
class Kind:
    banner: str
    device: str = _GENERIC  # AT@1
    version: float = 2.2  # AT commands that came later than that are answered with ?
    lacks: str = ""  # regular expression of further AT commands that are answered with ?
    firmware: str = ""  # STI; "": no ST commands
    hardware: str = ""  # STDI
    timeout: int = 0x32  # ATST after a reset, in units of 4.096 ms
    adaptive: bool = False  # ATAT1 and ATAT2 shorten the wait; others only say OK
    digit: str = "obeyed"  # the trailing frame count: obeyed, refused (?) or ignored
    most_pids: int = 6  # of a request for service 01 ...
    more_pids: str = "refused"  # ... and what becomes of more: refused (?), cut (the first go out)
    two_bytes: bool = False  # reads no more than two bytes of a request
    waits: bool = False  # after 7F xx 78 waits up to 5 s for the answer
    lost_prompt: float = 0.0  # share of answers without the closing >
    echo_stuck: bool = False  # ATE0 is OK, and the echo goes on
    spaces_stuck: bool = False  # ATS0 is OK, and the spaces stay
    linefeeds: bool = False  # ATL1 is what a reset leaves


_CLONE = Kind("ELM327 v1.5")
_STN = {"timeout": 0x19, "adaptive": True, "waits": True, "version": 1.4}

KINDS = {
    # A good clone: it has all commands, but its adaptive timing does nothing.
    "clone": _CLONE,
    "elm327-1.5": Kind("ELM327 v1.5", version=1.5, adaptive=True),
    "elm327-2.2": Kind("ELM327 v2.2", adaptive=True),
    "stn1110": Kind("ELM327 v1.4b", firmware="STN1110 v4.2.0", hardware="OBDLink SX r4.2", **_STN),
    "stn2120": Kind(
        "ELM327 v1.4b", firmware="STN2120 v5.6.19", hardware="OBDLink EX r1.0.0", **_STN
    ),
    "clone-no-digit": replace(_CLONE, digit="refused"),
    "clone-ignores-digit": replace(_CLONE, digit="ignored"),
    "clone-one-pid": replace(_CLONE, most_pids=1),
    "clone-first-pid": replace(_CLONE, most_pids=1, more_pids="cut"),
    "clone-two-bytes": Kind("ELM327 v2.1", two_bytes=True),
    "clone-lost-prompt": replace(_CLONE, lost_prompt=0.1),
    "clone-echo": replace(_CLONE, echo_stuck=True),
    # Says 1.5 and is less than 1.2: among what it lacks are adaptive timing, CAN formatting,
    # programmable parameters, receive filters and the baud rate.
    "clone-lies": replace(
        _CLONE,
        lacks="AT[012]|CAF.*|PP.*|CRA.*|BR[DT].*|FE|IGN|LP|CS|FC.*|C[MF].+|D[01]|AL|NL|KW.*|S[RD].+",
    ),
    "clone-spaces": Kind("ELM327 v2.1", spaces_stuck=True),
    "clone-linefeeds": replace(_CLONE, linefeeds=True),
}


def of(obd):
    """The Kind that the section `obd` of a scenario asks for, with its own wishes."""
    kind = KINDS[obd.adapter]
    return replace(
        kind,
        banner=obd.banner or kind.banner,
        adaptive=kind.adaptive or obd.adaptive,
        linefeeds=kind.linefeeds or obd.linefeeds,
        digit=kind.digit if obd.count_digit else "refused",
        most_pids=min(kind.most_pids, obd.max_pids),
    )
