"""What the agent carries is what the readable tables say; the room's words for it."""

from agent import signals
from tools.obd import dtc_texts, pid_table
from tools.room.words import event_text


def test_the_packed_pids_are_those_of_the_table():
    assert pid_table.TARGET.read_text(encoding="ascii") == pid_table.module()


def test_the_trouble_codes_are_those_of_the_tables():
    assert dtc_texts.TARGET.read_text(encoding="ascii") == dtc_texts.table()


def test_events_in_words():
    rpm = signals.by_name("rpm")
    for name, fields, text in (
        ("dtc", ["stored"], "stored: none"),
        ("dtc", ["pending", "P0301", "P3999"], "pending: P0301 Cylinder 1: misfire; P3999"),
        ("freeze_frame", [0x7E8, "P0301", rpm, 6904, 24, 123],
         "P0301 Cylinder 1: misfire (ECU 7E8): rpm 1726 rpm, coolant 83 celsius"),
        ("readiness", [0x7E9, 0x0007E500], "ECU 7E9: MIL off, 0 codes, all monitors ready"),
        ("readiness", [0x7E8, 0x8207E501], "ECU 7E8: MIL on, 2 codes, not ready: catalyst"),
        ("dtc_cleared", [1, ""], "trouble codes cleared"),
        ("dtc_cleared", [0, "service 04: the engine runs"],
         "trouble codes not cleared: service 04: the engine runs"),
        ("vin", ["VF1RFB00X56789012"], None),
    ):  # fmt: skip
        assert event_text(name, fields) == text


def test_what_does_not_have_the_form_is_left_to_its_fields():
    for name, fields in (
        ("freeze_frame", [0x7E8]), ("freeze_frame", [1, "P0301", 31]), ("readiness", [1, -1]),
        ("readiness", ["x", "y"]), ("readiness", [1, 1 << 40]), ("dtc", []), ("dtc", {"a": 1}),
        ("freeze_frame", [1, "P0301", 99999, 5]), ("dtc_cleared", []), ("dtc", ["stored", 5]),
    ):  # fmt: skip
        assert event_text(name, fields) is None
