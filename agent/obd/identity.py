"""Which adapter it is: an ELM327, an STN chip, or a clone that calls itself one of them.

What it says of itself (ATI, STI, STDI) is believed as little as possible: it is a clone where it
names a version that ELM Electronics never made (1.5 is the usual one), or refuses a command that
the version it names has. Versions and what came with them: ELM Electronics' data sheets.
"""

ELM = "elm327"
STN = "stn"
CLONE = "clone"

# Versions of the ELM327 without their letter; there has never been a 1.5.
_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1", "2.2", "2.3")
# Commands of the set-up and the version that brought them; the others are as old as the chip.
_SINCE = (("ATS0", "1.3"), ("ATAT1", "1.2"), ("ATLP", "1.4"), ("ATBRT28", "1.2"))


def kind(name, firmware, refused):
    """ "elm327", "stn" or "clone". `name`: the answer to ATI; `firmware`: that to STI, or None;
    `refused`: commands that were answered with "?"."""
    if firmware:
        return STN
    version = _version(name)
    if version not in _VERSIONS:
        return CLONE
    for command in refused:
        since = "1.0"
        for row in _SINCE:
            if row[0] == command:
                since = row[1]
        if command.startswith("AT") and since <= version:
            return CLONE
    return ELM


def _version(name):
    """ "ELM327 v1.4b" -> "1.4"; None where there is none."""
    at = name.lower().rfind("v")
    text = name[at + 1 : at + 4]
    if at < 0 or len(text) != 3 or text[1] != "." or not (text[0] + text[2]).isdigit():
        return None
    return text


def title(name, firmware, device):
    """What is told of an adapter: "STN1110 v4.2.0, OBDLink SX r4.2", else what ATI said."""
    if not firmware:
        return name
    return firmware + (", " + device if device else "")
