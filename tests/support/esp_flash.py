"""A gateway's flash as a file, written without a chip in between, and looked into."""

from agent.port.tree import new_hash
from agent.update import boot
from tests.support import esp_firmware
from tools.flash import contents, firmware, work
from tools.flash.volume import Volume

FLASH_SIZE = 8 << 20


def write(path, bundle, board="gateway_s3"):
    """Writes what `patrol flash` writes on a fresh board, with a ROM partition. bundle: the
    vehicle's folder, with the release that it leaves the bench with, else it is this source
    tree's."""
    board = contents.board(board)
    data = esp_firmware.firmware("esp32s3", "8MB", 20_000, is_rom=True)
    fw = firmware.with_rom(firmware.parse(data, "image"), board.rom)
    files = contents.bundle(bundle)
    release = contents.laid_out(files, board.name) or contents.built("esp32", board.name)
    raw, checked = contents.configuration(files, str(bundle), board)
    plan = work.fresh((fw, board, release), (files, raw, checked), FLASH_SIZE)
    image = bytearray(b"\xff" * FLASH_SIZE)
    for _, at, data in plan.pieces:
        image[at : at + len(data)] = data
    path.write_bytes(image)


class Flash:
    """What lies in a flash file now. Raises FlashError where the file system does not mount."""

    def __init__(self, path):
        data = path.read_bytes()
        fw = firmware.table(data[firmware.TABLE_AT :][: firmware.TABLE_SIZE], str(path))
        self._path = path
        self.place = firmware.vfs_partition(fw, len(data))
        self.volume = Volume(self.place.size, data[self.place.at : self.place.end])

    def save(self):
        """What was changed in the volume goes into the file; only while nobody runs from it."""
        with open(self._path, "r+b") as f:
            f.seek(self.place.at)
            f.write(self.volume.image())

    def pointer(self):
        return boot.load(self.volume)

    def good_slot(self):
        """Name of the slot that is good, which must be whole."""
        slot = boot.SLOTS[self.pointer().slot]
        assert boot.is_whole(self.volume, slot, new_hash), f"slot {slot} is not whole"
        return slot
