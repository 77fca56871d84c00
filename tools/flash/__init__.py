"""A factory-fresh board becomes a gateway by one command: firmware, file system, configuration.

firmware.py     a firmware image: chip, checksums, partition table
volume.py       the littlefs of the `vfs` partition, as MicroPython mounts it
contents.py     what lies on it: boot files, the agent's slot, configuration, keys
ports.py        serial ports: which there are, what they can do
esptool.py      Espressif's esptool, run as a program
work.py         the steps: look, plan, write, verify, record
selftest.py     what the gateway says of itself once it runs, by its console
budget.py       what takes how much of the file system, and what that leaves to the journal
records.py      which board got what
pi.py           a Raspberry Pi's system instead of a chip
secure.py       secure boot and flash encryption: the steps, shown first
"""


class FlashError(Exception):
    """A board could not be flashed; one line says why and what to do."""


class UsageError(FlashError):
    """The command was asked for what does not go together."""
