"""Trouble codes of SAE J2012 and ISO 15031-6, made of families: tools/obd/dtc/*.txt.

    python -m tools.obd.dtc_texts          writes agent/obd/dtc_texts.txt
    python -m tools.obd.dtc_texts --count  how many codes there are, by group

Texts are our own words. Codes come in families, and so do the rows:

    P0030 CLH   Heated thing           three codes in a row, one for each letter
    P0300 =     Text as it is          one code
    P0261 LHB   Cylinder {1-12}        the letters again and again, once for each in braces

A row counts in decimal (P0109, P0110) as the standard does, unless its code has one of A..F among
its digits or its letters begin with "#": then in hexadecimal (P010E, P010F). A dash leaves a code
out. A row that begins with a space goes on from the row above.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "agent" / "obd" / "dtc_texts.txt"
FAMILIES = Path(__file__).resolve().parent / "dtc"

HEAD = "# Trouble codes, generic ones: made by tools/obd/dtc_texts.py\n"

# What each letter of a row makes of its text
LETTERS = {
    "=": "{}",
    "A": "{}: no activity",
    "B": "{}: contribution or balance",
    "C": "{}: circuit fault",
    "D": "{}: circuit open",
    "E": "{}: electrical fault",
    "F": "{}: stuck open",
    "G": "{}: fault",
    "H": "{}: circuit high",
    "I": "{}: circuit intermittent",
    "J": "{}: too lean",
    "K": "{}: stuck closed",
    "L": "{}: circuit low",
    "M": "{} do not agree",
    "N": "{}: no signal",
    "O": "{}: circuit open or faulty",
    "P": "{}: performance or stuck off",
    "Q": "{}: overspeed",
    "R": "{}: out of range or performance",
    "S": "{}: stuck on",
    "T": "{}: slow response",
    "U": "{}: low",
    "V": "{}: voltage low",
    "W": "{}: voltage high",
    "X": "{}: circuit shorted",
    "Y": "{}: too rich",
    "Z": "{}: high",
    "c": "{}: secondary circuit fault",
    "h": "{}: primary circuit high",
    "l": "{}: primary circuit low",
    "q": "{}: not plausible",
    "s": "{}: performance",
    "t": "Incompatible software of {}",
    "v": "Invalid data from {}",
    "w": "No communication with {}",
    "1": "{}: positive line open",
    "2": "{}: positive line low",
    "3": "{}: positive line high",
    "4": "{}: negative line open",
    "5": "{}: negative line low",
    "6": "{}: negative line high",
    "7": "{}: lines shorted together",
}


def rows(lines):
    """Rows of a families file, continued ones joined -> (code, letters, text)."""
    joined = []
    for line in lines:
        if line.startswith(" "):
            joined[-1] += " " + line.strip()
        elif line.strip() and not line.startswith("#"):
            joined.append(line.strip())
    for line in joined:
        code, letters, text = line.split(None, 2)
        yield code, letters, text


def things(text):
    """'Cylinder {1-3}' -> the three texts, '{A,B}' -> two, without braces -> the one."""
    braces = re.search(r"\{([^}]*)\}", text)
    if not braces:
        return [text]
    numbers = re.fullmatch(r"(\d+)-(\d+)", braces.group(1))
    if numbers:
        items = [str(n) for n in range(int(numbers.group(1)), int(numbers.group(2)) + 1)]
    else:
        items = [item.strip() for item in braces.group(1).split(",")]
    return [text[: braces.start()] + item + text[braces.end() :] for item in items]


def family(code, letters, text):
    """One row -> [(code, text), ...]."""
    base = 16 if letters[0] == "#" or re.search("[A-F]", code[1:]) else 10
    place = int(code[1:], base)
    found = []
    for thing in things(text):
        for letter in letters.lstrip("#"):
            if letter != "-" and thing != "-":
                digits = f"{place:04X}" if base == 16 else f"{place:04d}"
                words = LETTERS[letter].format(thing)
                found.append((code[0] + digits, words[0].upper() + words[1:]))
            place += 1
    return found


def texts():
    """Every code -> its text. Raises ValueError where two rows make one code."""
    found = {}
    for path in sorted(FAMILIES.glob("*.txt")):
        for row in rows(path.read_text(encoding="ascii").split("\n")):
            for code, text in family(*row):
                if code in found:
                    raise ValueError(f"{code} twice: {found[code]}, {text}")
                found[code] = text
    return found


def table():
    """The whole of agent/obd/dtc_texts.txt."""
    return HEAD + "".join(f"{code} {text}\n" for code, text in sorted(texts().items()))


def counts():
    """How many codes there are in each group: {"P0": 1234, ...}."""
    found = {}
    for code in texts():
        group = code[:3] if code[:2] == "P3" else code[:2]
        found[group] = found.get(group, 0) + 1
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description="Write the table of trouble codes.")
    parser.add_argument("--count", action="store_true", help="show how many codes there are")
    if parser.parse_args(argv).count:
        found = counts()
        for group in sorted(found):
            print(f"{group:<4} {found[group]:5}")
        print(f"all  {sum(found.values()):5}")
        return 0
    TARGET.write_text(table(), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
