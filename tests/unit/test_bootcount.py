"""agent/comms/bootcount.py: each start has a number of its own, through power cuts."""

from agent.comms.bootcount import BootCountError, next_boot
from tests.support.simdisk import ALL, EIO, KEPT, TORN, SimDisk


def test_boots_are_counted_through_every_power_cut():
    disk = SimDisk()
    assert [next_boot(disk) for _ in range(3)] == [1, 2, 3]
    for kept in KEPT:
        assert next_boot(disk.power_cut(kept)) == 4
    disk.files["boot-a"][0] ^= 1  # the newer copy, 3
    assert next_boot(disk) == 3
    assert next_boot(SimDisk({"boot-a": bytearray(b"nothing!")})) == 1


def test_a_boot_counter_that_cannot_be_stored_is_an_error():
    for fault in ({0: EIO}, {0: TORN}):
        disk = SimDisk()
        assert next_boot(disk) == 1
        disk = disk.power_cut(ALL)
        disk.faults = fault
        try:
            next_boot(disk)
            raise AssertionError("not stored, and no error")
        except BootCountError as e:
            assert "boot counter" in str(e)
        assert next_boot(disk) == 2
