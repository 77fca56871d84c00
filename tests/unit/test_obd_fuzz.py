"""The OBD fuzz in short: spoilt replies never give a wrong value. The long form, and the classes
of damage, are in tests/fuzz (obd_long.py, obd_spoil.py)."""

from tests.fuzz import obd_can_fuzz, obd_fuzz, obd_spoil
from tests.fuzz.obd_car import Car, Chance, Style, frames

REPLIES = 1500
EACH = 300  # spoilt replies of a car


def test_spoilt_replies():
    found = obd_fuzz.run(1, REPLIES, obd_spoil.structure, EACH)
    assert found.wrong_count == 0, found.wrong
    # It is the spoilt ones that are tested, and the driver lives through them.
    assert found.replies == REPLIES and found.values > REPLIES // 4 and found.others > 50


def test_spoilt_frames_on_can():
    found = obd_can_fuzz.run(1, REPLIES, EACH)
    assert found.wrong_count == 0, found.wrong
    assert found.replies == REPLIES and found.values > REPLIES // 2 and found.others > 50


def test_a_changed_digit_of_a_value_is_beyond_anybody():
    """What the fuzz can see: here it must find wrong values."""
    found = obd_fuzz.run(1, 300, obd_spoil.data, EACH)
    assert found.wrong_count > 100 and found.wrong


def test_an_adapter_left_alone():
    """And without damage all is right and plenty."""

    def nothing(lines, chance, car, request, in_step):
        return []

    found = obd_fuzz.run(1, 1000, nothing, 500)
    assert found.wrong_count == found.stale == found.incomplete == 0, found.wrong
    assert found.values > 1500 and found.others > 100


def test_the_numbers_are_the_same_everywhere():
    chance = Chance(7)
    assert [chance.below(1000) for _ in range(6)] == [975, 731, 308, 184, 964, 352]


def test_roles_belong_to_characters():
    chance = Chance(3)
    for _ in range(50):
        car = Car(Style(chance))
        for request in (b"\x01\x0c\x0d\x05\x46", b"\x03", b"\x09\x02", b"\x02\x0c\x00"):
            found = car.answer(0, request)
            assert found is None or len(found[0]) == len(found[1])
            if found:
                for text, roles in frames("7E8", found[0], found[1], car.style):
                    assert len(text) == len(roles) and roles[:4] == "hhhp"


def test_every_damage_is_possible():
    """No operation fails, whatever the lines are."""
    chance = Chance(5)
    for operation in obd_spoil.STRUCTURE + obd_spoil.ALONE + (obd_spoil.change_data,):
        changed = 0
        for _ in range(40):
            style = Style(chance)
            style.spaces = False
            car = Car(style)
            request = b"\x01\x0c\x0d\x05"
            payload, roles = car.answer(0, request)
            lines = [list(line) for line in frames(style.names[0], payload, roles, style)]
            before = [line[0] for line in lines]
            operation(lines, chance, car, request)
            changed += [line[0] for line in lines] != before
            if lines:
                operation(lines, chance, car, request)
        assert changed > 10, operation
