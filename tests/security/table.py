"""Every attack on the link as data.

RUN are carried out by `test_attacks.py` against a running agent, on both interpreters, and a
running room: what is done; who refuses it; the counter that rises by one for each hostile message;
the function that does it.

HELD are refused by what other tests run: what is done; who refuses it; the test.
"""

from tests.security import down, up

VEHICLE = "vehicle"
ROOM = "room"
BROKER = "broker"

RUN = (
    # To the vehicle
    ("a frame of the room, repeated", VEHICLE, "inbox.replayed", down.repeated),
    ("acknowledgements turned round, then repeated", VEHICLE, "inbox.replayed", down.reordered),
    ("a frame of the room, cut at every byte", VEHICLE, "inbox.seal", down.truncated),
    ("the same, to less than a frame", VEHICLE, "inbox.size", down.cut_to_nothing),
    ("more than a frame", VEHICLE, "inbox.size", down.too_long),
    ("a bit of it flipped", VEHICLE, "inbox.seal", down.flipped),
    ("a bit of its type flipped", VEHICLE, "inbox.type", down.flipped_type),
    ("a bit of its session flipped", VEHICLE, "inbox.session", down.flipped_session),
    ("another number on it", VEHICLE, "inbox.seal", down.renumbered),
    ("frames and orders of an earlier session", VEHICLE, "inbox.session",
     down.of_an_earlier_session),
    ("frames for another vehicle", VEHICLE, "inbox.session", down.of_another_vehicle),
    ("the same, with this session's id", VEHICLE, "inbox.seal",
     down.of_another_vehicle_as_this_one_s),
    ("its own frames, sent back", VEHICLE, "inbox.type", down.reflected),
    ("the same, with the type of the room's", VEHICLE, "inbox.seal", down.reflected_as_down),
    ("noise", VEHICLE, "inbox.type", down.noise),
    ("an acknowledgement of all, not sealed", VEHICLE, "inbox.seal", down.unsealed),
    ("sealed by the room, but no message", VEHICLE, "inbox.malformed", down.malformed),
    # Orders
    ("an order's frame, repeated", VEHICLE, "inbox.replayed", down.order_frame_repeated),
    ("orders turned round, then repeated", VEHICLE, "inbox.replayed", down.orders_turned_round),
    ("an order again, in frames of its own", VEHICLE, "orders.repeated", down.order_given_again),
    ("an order held back until its time is over", VEHICLE, "orders.expired", down.order_held_back),
    ("an order beyond the room's role", VEHICLE, "orders.refused", down.order_out_of_role),
    ("the same, by a bad worker", VEHICLE, "orders.refused",
     down.order_of_a_bad_worker_out_of_role),
    # To the room
    ("a vehicle's frame, repeated", ROOM, "duplicates", up.repeated),
    ("frames turned round, then repeated", ROOM, "duplicates", up.reordered),
    ("a vehicle's frame, cut at every byte", ROOM, "frame_seal", up.truncated),
    ("the same, to less than a frame", ROOM, "frame_format", up.cut_to_nothing),
    ("each bit of it flipped", ROOM, "frame_seal", up.flipped),
    ("each bit of its type flipped", ROOM, "frame_format", up.flipped_type),
    ("each bit of its session flipped", ROOM, "unknown_session", up.flipped_session),
    ("under another vehicle's name", ROOM, "unknown_session", up.under_another_name),
    ("of an earlier session, with this one's id", ROOM, "frame_seal",
     up.of_an_earlier_session_as_this_one_s),
    ("of another vehicle, with this session's id", ROOM, "frame_seal",
     up.of_another_vehicle_as_this_one_s),
    ("the room's own frames, sent back", ROOM, "frame_format", up.reflected),
    ("noise", ROOM, "unknown_session", up.noise),
    ("an open of a wrong key generation", ROOM, "wrong_generation", up.open_of_a_wrong_generation),
    ("an open with a wrong secret", ROOM, "wrong_mac", up.open_with_a_wrong_secret),
    ("an open of another vehicle", ROOM, "wrong_mac", up.open_of_another_vehicle),
    ("an open to a room key that is none", ROOM, "unknown_room_key", up.open_to_a_key_that_is_none),
    ("an open with a zero X25519 share", ROOM, "zero_share", up.open_with_a_zero_share),
    ("an open of a known session, changed", ROOM, "sid_taken", up.open_that_was_changed),
    ("each bit of its MAC flipped", ROOM, "wrong_mac", up.open_whose_mac_was_changed),
    ("an open, cut short", ROOM, "open_format", up.open_cut_short),
    ("of a vehicle that is none", ROOM, "unknown_vehicle", up.of_a_vehicle_that_is_none),
    ("on a topic that is none", ROOM, "topic", up.on_a_topic_that_is_none),
)  # fmt: skip

_FLOOD = "tests/security/test_flood.py::"
_ACL = "tests/integration/test_mosquitto_acl.py::"
_UPDATE = "tests/unit/test_update_manifest.py::"
_SLOTS = "tests/unit/test_update_slots.py::"
_EMULATED = "tests/integration/test_update_emulation.py::"
HELD = (
    ("10,000 messages in 10 s", VEHICLE, _FLOOD + "test_a_flood_stops_nothing"),
    ("a room key of low order in the configuration", VEHICLE,
     "tests/security/test_low_order.py::test_an_agent_does_not_start_with_a_room_key_of_low_order"),
    ("a room key of low order in a signed set", VEHICLE,
     "tests/unit/test_update_keyset.py"
     "::test_sets_are_taken_or_refused_by_the_name_that_the_vectors_say"),
    ("another vehicle's lanes, by a vehicle's certificate", BROKER,
     _ACL + "test_a_vehicle_writes_in_no_lane_but_its_own"),
    ("another vehicle's orders, by a vehicle's certificate", BROKER,
     _ACL + "test_a_vehicle_reads_nothing_but_its_own_orders"),
    ("another vehicle's connection", BROKER, _ACL + "test_nobody_takes_a_connection_away"),
    ("another vehicle's presence, retained or as a will", BROKER,
     _ACL + "test_nothing_retained_in_another_s_name"),
    ("a certificate of another authority", BROKER,
     _ACL + "test_a_certificate_of_another_authority"),
    ("a revoked certificate", BROKER, _ACL + "test_a_revoked_vehicle_is_refused"),
    ("a downgrade", VEHICLE,
     _UPDATE + "test_manifests_are_taken_or_refused_by_the_name_that_the_vectors_say"),
    ("an update that was taken before", VEHICLE,
     _SLOTS + "test_orders_are_taken_once_and_in_their_order"),
    ("an unsigned or half-signed update", VEHICLE,
     _EMULATED + "test_what_is_not_signed_well_is_not_taken"),
    ("a corrupted update", VEHICLE,
     _EMULATED + "test_a_file_that_was_changed_on_its_way_is_not_started"),
    ("a forged RSA signature", VEHICLE,
     _UPDATE + "test_rsa_signatures_hold_or_are_refused_as_the_vectors_say"),
)  # fmt: skip
