"""How replies are spoilt in the OBD fuzz, by class of damage.

STRUCTURE: what the rules of framing can show, and so must never give a wrong value: lines and
characters lost, doubled, exchanged, cut, run together; characters that are no digits; another
tester's answers; headers, lengths, sequence numbers, services and PIDs changed by one digit;
headerless forms; words of the adapter in the midst; prompts lost or doubled; answers too late.

DATA: a digit of a value changed into another digit. An ELM327's text carries no check sum: such a
line is a right answer of a car with another value, and nobody can tell. Counted apart.

Also beyond anybody's telling, and left out: two damages that make up for each other within one
line (a digit lost, and one come in), several digits of PIDs or headers exchanged at once, another
tester's answer from the same ECU to the same question with another value (the ECU would have to
lie), its consecutive frames in the midst of ours (an ECU sends one message at a time).

An operation takes (lines, chance, car, request): `lines` is a list of [text, roles] of obd_car.py.
"""

from agent.obd import pids

HEX = "0123456789ABCDEF"
NO_HEX = "GHKXZ?.,:;<*#-\x00\xff\x7f"
WORDS = (
    "NO DATA", "BUS ERROR", "CAN ERROR", "BUFFER FULL", "DATA ERROR", "<RX ERROR", "?", "OK",
    "STOPPED", "ACT ALERT", "BUS BUSY", "FB ERROR", "UNABLE TO CONNECT", "ERR42", "SEARCHING...",
)  # fmt: skip


def _some(lines, chance):
    return chance.below(len(lines))


def lose_end(lines, chance, car, request):
    """A line's end is lost."""
    line = lines[_some(lines, chance)]
    keep = chance.below(len(line[0]) + 1)
    line[0] = line[0][:keep]
    line[1] = line[1][:keep]


def lose_within(lines, chance, car, request):
    """Characters within a line are lost."""
    line = lines[_some(lines, chance)]
    at = chance.below(len(line[0]) + 1)
    count = 1 + chance.below(6)
    line[0] = line[0][:at] + line[0][at + count :]
    line[1] = line[1][:at] + line[1][at + count :]


def lose_across(lines, chance, car, request):
    """Characters are lost from within one line into the next.

    Not into another tester's: the one frame made of two would be right in form, and no frame of
    ours would be missing.
    """
    at = _some(lines, chance)
    if at + 1 >= len(lines) or not (lines[at][1] and lines[at + 1][1]):
        return
    first, second = lines[at], lines[at + 1]
    keep = chance.below(len(first[0]) + 1)
    # Often just as many as a line has: what is left then looks like one.
    skip = keep if chance.below(2) else chance.below(len(second[0]) + 1)
    lines[at] = [first[0][:keep] + second[0][skip:], first[1][:keep] + second[1][skip:]]
    lines.pop(at + 1)


def lose_line(lines, chance, car, request):
    lines.pop(_some(lines, chance))


def double_line(lines, chance, car, request):
    line = lines[_some(lines, chance)]
    lines.insert(chance.below(len(lines) + 1), list(line))


def exchange_lines(lines, chance, car, request):
    a = _some(lines, chance)
    b = _some(lines, chance)
    lines[a], lines[b] = lines[b], lines[a]


def cut_line(lines, chance, car, request):
    """A line end comes in the midst of a line."""
    at = _some(lines, chance)
    text, roles = lines[at]
    cut = chance.below(len(text) + 1)
    lines[at : at + 1] = [[text[:cut], roles[:cut]], [text[cut:], roles[cut:]]]


def join_lines(lines, chance, car, request):
    """A line end is lost."""
    at = _some(lines, chance)
    if at + 1 < len(lines):
        lines[at] = [lines[at][0] + lines[at + 1][0], lines[at][1] + lines[at + 1][1]]
        lines.pop(at + 1)


def no_hex(lines, chance, car, request):
    """A character becomes one that is no digit; NUL and 0xFF are dropped by the driver."""
    line = lines[_some(lines, chance)]
    if line[0]:
        at = chance.below(len(line[0]))
        line[0] = line[0][:at] + chance.of(NO_HEX) + line[0][at + 1 :]


def no_hex_more(lines, chance, car, request):
    """A character that is no digit comes in."""
    line = lines[_some(lines, chance)]
    at = chance.below(len(line[0]) + 1)
    line[0] = line[0][:at] + chance.of(NO_HEX) + line[0][at:]
    line[1] = line[1][:at] + "x" + line[1][at:]


def hex_more(lines, chance, car, request):
    """A digit comes in."""
    line = lines[_some(lines, chance)]
    at = chance.below(len(line[0]) + 1)
    line[0] = line[0][:at] + chance.of(HEX) + line[0][at:]
    line[1] = line[1][:at] + "x" + line[1][at:]


def _change(lines, chance, wanted):
    """A digit of one of these roles becomes another one; True where there was one."""
    places = []
    for number, line in enumerate(lines):
        for at, role in enumerate(line[1]):
            if role in wanted and at < len(line[0]) and line[0][at] in HEX:
                places.append((number, at))
    if not places:
        return False
    number, at = chance.of(places)
    text = lines[number][0]
    digit = HEX[(HEX.index(text[at]) + 1 + chance.below(15)) % 16]
    lines[number][0] = text[:at] + digit + text[at + 1 :]
    return True


def change_header(lines, chance, car, request):
    _change(lines, chance, "h")


def change_length(lines, chance, car, request):
    _change(lines, chance, "p")


def change_service(lines, chance, car, request):
    _change(lines, chance, "s")


def change_pid(lines, chance, car, request):
    _change(lines, chance, "in")


def change_padding(lines, chance, car, request):
    _change(lines, chance, "x")


def change_data(lines, chance, car, request):
    return _change(lines, chance, "d")


def word(lines, chance, car, request):
    """The adapter says something in the midst."""
    lines.insert(chance.below(len(lines) + 1), [chance.of(WORDS), ""])


def marked_wrong(lines, chance, car, request):
    """The adapter marks a line as wrong; its data are."""
    line = lines[_some(lines, chance)]
    for _ in range(1 + chance.below(3)):
        _change([line], chance, "dpihs")
    line[0] += chance.of(("<DATA ERROR", " <RX ERROR", "<RX ERROR", "DATA ERROR"))


def _random_bytes(chance, size):
    return "".join([f"{chance.below(256):02X}" for _ in range(size)])


def _unasked(chance, request):
    """A PID that was not asked for."""
    while True:
        pid = chance.below(256)
        if pid not in request[1:]:
            return pid


def foreign_pid(lines, chance, car, request):
    """An ECU answers another tester, by its own identifier: another PID (truly, if it has it),
    another service."""
    ecu = chance.below(car.style.ecus)
    name = car.style.names[ecu]
    kind = chance.below(4)
    if kind < 2:
        pid = _unasked(chance, request)
        if car.has(ecu, pid) and pids.LENGTHS[pid] < 6:
            data = "".join([f"{byte:02X}" for byte in car.data(ecu, pid)])
        else:
            data = _random_bytes(chance, 1 + kind)
        body = f"{2 + len(data) // 2:02X}41{pid:02X}" + data
        body += _random_bytes(chance, 8 - len(body) // 2)
    elif kind == 2:
        service = chance.of((0x42, 0x46, 0x49, 0x4B, 0x62, 0x59, 0x6E, 0x50))
        body = f"04{service:02X}" + _random_bytes(chance, 6)
    else:
        body = "037F" + _random_bytes(chance, 6)
    if name[0] == "7" or chance.below(2):
        lines.insert(chance.below(len(lines) + 1), [name + body, ""])


def foreign_ecu(lines, chance, car, request):
    """Other traffic, whatever it says: identifiers of no ECU, or of one that is not in this car."""
    name = chance.of(("7E0", "7DF", "123", "7F0", "7EF", "7EE", "18DAF155", "18DA10F1", "18FEF100"))
    asked = request[1] if len(request) > 1 else 0
    body = f"03{request[0] + 0x40:02X}{asked:02X}" + _random_bytes(chance, 5)
    if chance.below(2):
        body = f"2{chance.below(16):X}" + _random_bytes(chance, 7)
    if chance.below(4) == 0:
        body = f"100B{request[0] + 0x40:02X}{asked:02X}" + _random_bytes(chance, 4)
    lines.insert(chance.below(len(lines) + 1), [name + body, ""])


def foreign_first(lines, chance, car, request):
    """An ECU begins a long answer to another tester, before ours."""
    name = car.style.names[chance.below(car.style.ecus)]
    lines.insert(0, [name + "1014490201" + _random_bytes(chance, 3), ""])
    if chance.below(2):
        lines.insert(1, [name + "21" + _random_bytes(chance, 7), ""])


def headerless(lines, chance, car, request):
    """The adapter has lost ATH1: the same without identifiers, as ATH0 writes it."""
    size = len(car.style.names[0])
    if car.style.spaces:
        return
    made = []
    for text, _ in lines:
        body = text[size:]
        if body[:1] == "0":
            count = HEX.index(body[1]) if len(body) > 1 and body[1] in HEX else 0
            made.append([body[2 : 2 + 2 * count], ""])
        elif body[:1] == "1":
            made.append([body[1:4], ""])
            made.append(["0:" + body[4:], ""])
        else:
            made.append([body[1:2] + ":" + body[2:], ""])
    lines[:] = made


STRUCTURE = (
    lose_end, lose_within, lose_across, lose_line, double_line, exchange_lines, cut_line,
    join_lines, no_hex, no_hex_more, word, marked_wrong, foreign_pid, foreign_ecu, foreign_first,
    headerless, change_padding,
)  # fmt: skip
# What can happen to an answer that is no frame: "12.6V"
TEXT = (
    lose_end, lose_within, lose_line, double_line, cut_line, no_hex, no_hex_more, word,
)  # fmt: skip
# Of these one at most, with nothing else: a second could make up for it.
ALONE = (change_header, change_length, change_service, change_pid, hex_more)
ALONE_NAMES = ("change_header", "change_length", "change_service", "change_pid", "hex_more")


def together(chosen):
    """Damages as they may come together: none makes up for another."""
    if double_line in chosen:
        # What is lost by the one would be there by the other.
        chosen = [each for each in chosen if each is not lose_across]
    for last in (marked_wrong, foreign_first):
        # The mark stays with what it marks; the other tester's frames come before ours.
        if last in chosen:
            chosen = [each for each in chosen if each is not last] + [last]
    return chosen


def structure(lines, chance, car, request, in_step):
    """Spoils a reply by one to three damages -> their names.

    Digits are only changed while driver and adapter are in step (`in_step`): a reply that comes for
    the wrong question, and with just the digits that make it right there, is two damages.
    """
    if in_step and chance.below(3) == 0:
        chosen = [chance.of(ALONE)]
    else:
        chosen = [chance.of(STRUCTURE) for _ in range(1 + chance.below(3))]
        chosen = together(chosen)
    for operation in chosen:
        if lines:
            operation(lines, chance, car, request)
    return [operation.__name__ if hasattr(operation, "__name__") else "" for operation in chosen]


def data(lines, chance, car, request, in_step):
    """Changes a digit of a value."""
    return ["change_data"] if change_data(lines, chance, car, request) else []
