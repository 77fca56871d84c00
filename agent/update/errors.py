"""Why an update is not taken: one class a reason, which is also the name it is counted by."""


class UpdateError(Exception):
    """An update that is not taken, or did not come right."""


class ManifestFormatError(UpdateError):
    """Not a manifest or signed manifest of this version, or one beyond its caps."""


class SignatureError(UpdateError):
    """A signature by a key of this fleet does not hold: changed on its way, or forged."""


class QuorumError(UpdateError):
    """Too few of the fleet's keys have signed."""


class HardwareError(UpdateError):
    """Made for other hardware."""


class VehicleError(UpdateError):
    """Made for other vehicles."""


class ExpiredError(UpdateError):
    """Too old by the room's time."""


class RoomTimeError(UpdateError):
    """The room's time is not known yet, so that nobody can tell whether it has expired."""


class ReplayError(UpdateError):
    """A newer order was accepted before."""


class DowngradeError(UpdateError):
    """An older release than this vehicle still accepts."""


class FailedBeforeError(UpdateError):
    """It was tried here and went back; the room must ask for another attempt."""


class DoneBeforeError(UpdateError):
    """It runs here already."""


class BusyError(UpdateError):
    """A release is on trial: its outcome comes first."""


class CapacityError(UpdateError):
    """More bytes than the slot has room for."""


class IndexFormatError(UpdateError):
    """The list of files is not one, or has paths that are not accepted."""


class FileHashError(UpdateError):
    """A file came wrong again and again."""


class UpdateStorageError(UpdateError):
    """The storage failed under the update."""
