"""The technician's console from a laptop: a client, and `patrol console`."""


class ConsoleError(Exception):
    """The console cannot be reached, or does not answer; one line."""


class Refused(ConsoleError):
    """The gateway understood, and says why not."""
