"""What can be recorded: the kinds and their fields, the same numbers in memory and on the wire.

Records are tuples that begin with their kind. Times `t` are session uptime in ms; positions are
micro-degrees, altitude cm above mean sea level, speed cm/s, heading centi-degrees (0..35999).
"""

ANCHOR = 1  # (ANCHOR, t, utc_ms, source, uncertainty_ms): binds uptime to UTC
POSITION = 2  # (POSITION, t, lat, lon, alt|None, speed|None, heading|None, sats|None, flags)
VALUE = 3  # (VALUE, t, signal id, raw integer), scale by signals.SIGNALS
EVENT = 4  # (EVENT, t, code, field, ...)
GAP = 5  # (GAP, t, lane, sid, first, last, reason): frames that are lost for good

# Flags of a position. Bits 0-1 are the quality: 0 none, 1 good, 2 degraded, 3 dead-reckoned.
QUALITY_MASK = 0x03
DEAD_RECKONED = 3
HAS_ALT = 0x04
HAS_SPEED = 0x08
HAS_HEADING = 0x10
HEADING_HELD = 0x20  # the car stands still: the heading is the last one it drove
HAS_SATS = 0x40
STANDING = 0x80  # the car stands: position and altitude are frozen where it came to rest, speed 0

# Sources of an anchor.
SOURCE_GNSS = 1
SOURCE_ROOM = 2
SOURCE_RTC = 3

# Lanes of the journal, by what may be lost last: (letter, meaning).
ALERT = "a"
CRUMB = "b"
FINE = "t"
LANES = (
    (ALERT, "alerts and results of commands"),
    (CRUMB, "breadcrumbs (a position a minute or 500 m) and diagnostics"),
    (FINE, "fine telemetry"),
)

# Events: name, code, and in the comment what its fields mean. Codes are part of the wire and never
# reused. (Comments, as a chip pays for each text.)
EVENT_CODES = {
    "boot": 1,  # boot counter, version, port name, what began it (`port.wake_cause`)
    "panic": 2,  # 1 pressed, 0 released
    "siren": 3,  # 1 on, 0 off
    "light_bar": 4,  # 1 on, 0 off
    "ignition": 5,  # 1 on, 0 off
    "input_unknown": 6,  # name of an input whose level cannot be read
    "vin": 7,  # the vehicle identification number
    "dtc": 8,  # kind (stored, pending, permanent), then the codes
    "obd_state": 9,  # searching, polling, asleep or lost
    "obd_adapter": 10,  # what the adapter says that it is; elm327, stn, clone or can
    "gps_state": 11,  # fix or lost
    "profile": 12,  # name of the reporting profile that is in force
    "fault": 13,  # part, error's name, text
    "stop": 14,  # why the agent stops
    "zone_enter": 15,  # name of the zone
    "zone_leave": 16,  # name of the zone
    # Driving: t is when it began. Rates are averages over about a second (`agent/driving.py`).
    "overspeed": 17,  # peak cm/s, ms that it lasted, limit cm/s
    "harsh_braking": 18,  # peak cm/s², ms that it lasted, cm/s before
    "harsh_acceleration": 19,  # peak cm/s², ms that it lasted, cm/s before
    "harsh_cornering": 20,  # peak cm/s² sideways, ms that it lasted, cm/s before
    "collision": 21,  # peak cm/s², ms that it took, cm/s before
    "zone_dwell": 22,  # name of the zone, seconds in it
    # GPS: what speaks against a position, or for its being forged (`agent/gps/quality.py`).
    "gps_jump": 23,  # metres that no car drives in that time
    "gps_displaced": 24,  # metres that the car was moved, wheels and ignition at rest
    "gps_speed": 25,  # 1 GPS and wheels are apart for 10 s, 0 no more; cm/s of each
    "gps_stuck": 26,  # 1 the wheels turn, the position stays; 0 it moves again
    "gps_time": 27,  # rollover (not believed), step or leap
    # The receiver itself (`agent/gps/setup.py`).
    "gps_receiver": 28,  # what it says that it is; empty: nothing, so it is no u-blox
    "gps_setup": 29,  # configured, refused, unanswered or reset; steps in vain, step, sign
    "gps_antenna": 30,  # its state: unknown, init, ok, short or open
    "gps_jamming": 31,  # the state: unknown, ok, warning or critical
    # The journal: an earlier session has ended; frames from that number on never come any more.
    "session_end": 32,  # session, that number, clean, cut (power cut, killed) or gone
    # OBD: an ECU is its CAN identifier (before CAN its address). Raw values as in `signals.py`.
    "freeze_frame": 33,  # ECU, trouble code, then signal id and raw value in turn
    "readiness": 34,  # ECU, PID 01 as one number: lamp, number of codes, monitors
    "dtc_cleared": 35,  # 1 done, 0 not; why not
    # What the room ordered (`agent/comms/orders.py`).
    "order": 40,  # number of the order; received, running, done, refused or expired; why
    "order_result": 41,  # number of the order, piece, how many there are, a piece of JSON
    # Updates (`agent/updating.py`); an update's order is 8 bytes of its manifest's hash.
    "update_wanted": 50,  # order, file, offset, length: please send this now
    "update_state": 51,  # order, attempt, state, error's name, bytes there, bytes in all
    "config_state": 60,  # good or rolled_back, why
    "room_key": 61,  # id of the key that this session is sealed to, version of the set
    "message_read": 62,  # number of the order that brought it
    "off_duty": 63,  # 1 the crew is off duty: neither place nor driving are recorded; 0 no more
    # Power and inputs (`agent/vehicle/power.py`, `agent/vehicle/inputs.py`).
    "power": 64,  # driving, idle, parked or asleep; why
    "door": 65,  # 1 open, 0 closed
    "tamper": 66,  # 1 the gateway is opened or moved, 0 no more
    "power_fail": 67,  # 1 the supply fails, 0 it is back
    "input_stuck": 68,  # name of an input that is on for longer than anybody means it to be
    "console": 69,  # who, and what: login, logout, or a command that changes something
    # What ended the last run, where nobody has ordered it (`agent/update/starts.py`).
    "crash": 70,  # exception, watchdog, reset or ended; crashes in a row; slot; a traceback's end
    "minimal_boot": 71,  # link, console and orders alone; crashes in a row; slot
}
# Those that go out at once and are lost last; all others are breadcrumbs.
_ALERTS = (
    "panic",
    "siren",
    "light_bar",
    "collision",
    "gps_jump",
    "gps_displaced",
    "gps_speed",
    "order",
    "order_result",
    "update_wanted",
    "update_state",
    "config_state",
    "room_key",
    "message_read",
    "off_duty",
    "tamper",
    "power_fail",
    "crash",
    "minimal_boot",
)


def event_lane(name):
    return ALERT if name in _ALERTS else CRUMB


# Reasons of a gap.
GAP_FULL = "full"  # thinned because the storage or the quota was used up
GAP_BROKEN = "broken"  # found unreadable at a start
GAP_WRITE = "write"  # could not be written at all
GAP_POWER = "power"  # only RAM held them when the session was cut off
ANY_LANE = "*"  # of a gap whose lane is not known
