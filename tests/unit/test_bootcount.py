"""agent/comms/bootcount.py: each start has a number of its own, through power cuts."""

from agent.comms.bootcount import BootCountError, next_boot
from tests.support.simdisk import ALL, EIO, KEPT, TORN, SimDisk


def test_boots_are_counted_through_every_power_cut():
    disk = SimDisk()
    assert [next_boot(disk) for _ in range(3)] == [1, 2, 3]
    for kept in KEPT:
        assert next_boot(disk.power_cut(kept)) == 4
    disk.files["boot-a"][0] ^= 1  # the newer copy, 3
    assert next_boot(disk) == 4
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


def test_no_number_is_used_twice_whichever_bit_of_a_copy_flips():
    for boots in (1, 2, 3, 4):
        for name in ("boot-a", "boot-b"):
            for bit in range(64):
                disk = SimDisk()
                used = [next_boot(disk) for _ in range(boots)]
                disk.files[name][bit // 8] ^= 1 << bit % 8
                for _ in range(3):
                    used.append(next_boot(disk))
                assert len(set(used)) == len(used), (boots, name, bit, used)


def test_a_counter_that_cannot_be_read_now_is_not_taken_for_lost():
    disk = SimDisk()
    assert [next_boot(disk) for _ in range(5)] == [1, 2, 3, 4, 5]
    disk.unreadable = ("boot-a", "boot-b")
    try:
        next_boot(disk)
        raise AssertionError("it began again")
    except BootCountError as e:
        assert "boot counter" in str(e)
    for name, boot in (("boot-a", 6), ("boot-b", 8)):  # one copy tells enough
        disk.unreadable = (name,)
        for fault in ("names", "read back"):
            disk.read_faults = {disk.reads + (0 if fault == "names" else 3): EIO}
            try:
                next_boot(disk)
                raise AssertionError(fault)
            except BootCountError:
                pass
        disk.read_faults = {}
        disk.unreadable = ()
        assert next_boot(disk) >= boot
