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

# Events: (code, name, lane, meaning of the fields). Codes are part of the wire and never reused.
EVENTS = (
    (1, "boot", CRUMB, "boot counter, version, port name"),
    (2, "panic", ALERT, "1 pressed, 0 released"),
    (3, "siren", ALERT, "1 on, 0 off"),
    (4, "light_bar", ALERT, "1 on, 0 off"),
    (5, "ignition", CRUMB, "1 on, 0 off"),
    (6, "input_unknown", CRUMB, "name of an input whose level cannot be read"),
    (7, "vin", CRUMB, "the vehicle identification number"),
    (8, "dtc", CRUMB, "kind (stored, pending, permanent), then the codes"),
    (9, "obd_state", CRUMB, "searching, polling, asleep or lost"),
    (10, "obd_adapter", CRUMB, "what the adapter says that it is; elm327, stn, clone or can"),
    (11, "gps_state", CRUMB, "fix or lost"),
    (12, "profile", CRUMB, "name of the reporting profile that is in force"),
    (13, "fault", CRUMB, "part, error's name, text"),
    (14, "stop", CRUMB, "why the agent stops"),
    (15, "zone_enter", CRUMB, "name of the zone"),
    (16, "zone_leave", CRUMB, "name of the zone"),
    # Driving: t is when it began. Rates are averages over about a second (`agent/driving.py`).
    (17, "overspeed", CRUMB, "peak cm/s, ms that it lasted, limit cm/s"),
    (18, "harsh_braking", CRUMB, "peak cm/s², ms that it lasted, cm/s before"),
    (19, "harsh_acceleration", CRUMB, "peak cm/s², ms that it lasted, cm/s before"),
    (20, "harsh_cornering", CRUMB, "peak cm/s² sideways, ms that it lasted, cm/s before"),
    (21, "collision", ALERT, "peak cm/s², ms that it took, cm/s before"),
    (22, "zone_dwell", CRUMB, "name of the zone, seconds in it"),
    # GPS: what speaks against a position, or for its being forged (`agent/gps/quality.py`).
    (23, "gps_jump", ALERT, "metres that no car drives in that time"),
    (24, "gps_displaced", ALERT, "metres that the car was moved, wheels and ignition at rest"),
    (25, "gps_speed", ALERT, "1 GPS and wheels are apart for 10 s, 0 no more; cm/s of each"),
    (26, "gps_stuck", CRUMB, "1 the wheels turn, the position stays; 0 it moves again"),
    (27, "gps_time", CRUMB, "rollover (not believed), step or leap"),
    # The receiver itself (`agent/gps/setup.py`).
    (28, "gps_receiver", CRUMB, "what it says that it is; empty: nothing, so it is no u-blox"),
    (29, "gps_setup", CRUMB, "configured, refused, unanswered or reset; steps in vain, step, sign"),
    (30, "gps_antenna", CRUMB, "its state: unknown, init, ok, short or open"),
    (31, "gps_jamming", CRUMB, "the state: unknown, ok, warning or critical"),
    # The journal: an earlier session has ended; frames from that number on never come any more.
    (32, "session_end", CRUMB, "session, number of frames, clean or cut (power cut, killed)"),
    # OBD: an ECU is its CAN identifier (before CAN its address). Raw values as in `signals.py`.
    (33, "freeze_frame", CRUMB, "ECU, trouble code, then signal id and raw value in turn"),
    (34, "readiness", CRUMB, "ECU, PID 01 as one number: lamp, number of codes, monitors"),
    (35, "dtc_cleared", CRUMB, "1 done, 0 not; why not"),
)
EVENT_CODES = {name: code for code, name, _, _ in EVENTS}
EVENT_NAMES = {code: name for code, name, _, _ in EVENTS}
EVENT_LANES = {name: lane for _, name, lane, _ in EVENTS}

# Reasons of a gap.
GAP_FULL = "full"  # thinned because the storage or the quota was used up
GAP_BROKEN = "broken"  # found unreadable at a start
GAP_WRITE = "write"  # could not be written at all
GAP_POWER = "power"  # only RAM held them when the session was cut off
ANY_LANE = "*"  # of a gap whose lane is not known
