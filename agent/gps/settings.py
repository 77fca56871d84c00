"""What a GPS receiver shall be set to, and the UBX messages that set a u-blox so."""

from agent.const import const

# Makers' defaults first: 9600 up to M8, 38400 from M9; other rates that configured ones have.
BAUDS = (38400, 9600, 115200, 57600, 230400, 460800, 19200, 4800)
_LONGEST = const(82)  # bytes of a sentence by NMEA 0183, to see whether an epoch fits
BITS = 10  # of a byte on the line
# Sentences that can be turned on: those of ubx_setup.SENTENCES.
CONFIGURABLE = (b"GGA", b"GLL", b"GSA", b"GSV", b"RMC", b"VTG", b"GST", b"ZDA", b"GNS")
AUTOMOTIVE = 4  # dynamic model, CFG-NAV5 dynModel and CFG-NAVSPG-DYNMODEL


class SettingsError(ValueError):
    """Settings that no receiver can fulfil; the text says which."""


class Settings:
    """What a receiver shall be set to.

    baud       rate of the line, tried first and set on a u-blox; None: leave what is found
    bauds      further rates to look for the receiver at
    period     ms between fixes, 50..10000
    sentences  what it shall send, of GGA GLL GSA GSV RMC VTG GST ZDA GNS
    model      dynamic model; AUTOMOTIVE
    save       keep the configuration in the receiver's own memory
    monitor    ms between questions about antenna and jamming; 0: none
    """

    def __init__(
        self,
        baud=115200,
        bauds=BAUDS,
        period=1000,
        sentences=(b"RMC", b"GGA", b"GSA"),
        model=AUTOMOTIVE,
        save=False,
        monitor=10_000,
    ):
        first = () if baud is None else (baud,)
        self.bauds = first + tuple([b for b in bauds if b != baud])
        if not self.bauds or min(self.bauds) < 1200:
            raise SettingsError("no rate to look for the receiver at, or one below 1200 baud")
        if not 50 <= period <= 10_000:
            raise SettingsError("a fix every %d ms: 50 to 10000 can be had" % period)
        for name in sentences:
            if name not in CONFIGURABLE:
                raise SettingsError("sentence %r cannot be turned on" % name)
        if b"RMC" not in sentences and b"GGA" not in sentences:
            raise SettingsError("neither RMC nor GGA: there would be no fixes")
        if baud is not None and len(sentences) * _LONGEST * BITS * 1000 // period > baud:
            raise SettingsError("%d sentences every %d ms do not fit in %d baud"
                                % (len(sentences), period, baud))  # fmt: skip
        self.baud = baud
        self.period = period
        self.sentences = tuple(sentences)
        self.model = model
        self.save = save
        self.monitor = monitor


def from_config(config):
    """The Settings that the configuration's group `gps` asks for, or None: nothing is written to
    the receiver. Raises SettingsError."""
    if not config["configure"]:
        return None
    first = config["baud"]
    bauds = [first] + [baud for baud in BAUDS if baud != first]  # noqa: RUF005
    sentences = (b"RMC", b"GGA", b"GSA", b"GSV") if config["sky"] else (b"RMC", b"GGA", b"GSA")
    return Settings(config["set_baud"], bauds, config["period_ms"], sentences, save=config["save"])
