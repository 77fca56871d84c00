"""What each entry of a plan does to the world."""

ACTIONS = {}


def _action(name):
    def note(function):
        ACTIONS[name] = function
        return function

    return note


def happen(world, fault):
    world.scheduler.trace("fault", fault.kind, *fault.arguments)
    ACTIONS[fault.kind](world, *fault.arguments)


def heal(world):
    """All is well from here on, but for what was lost."""
    world.scheduler.trace("fault", "no more")
    for site in world.sites:
        site.road.heal()
        site.lane.heal()
        site.broker.heal()
        if not site.broker.is_up:
            site.broker.start()
        site.host.heal()
    disk, settings = world.vehicle.disk, world.settings
    disk.disarm()
    disk.capacity = max(settings["capacity"], 2 * settings["quota"])
    world.vehicle.workload.gnss_error_ms = 0


def _later(world, ms, name, owner, value):
    """Sets an attribute back; a later fault of its kind may have made it so again: no matter."""
    world.scheduler.after(ms, setattr, owner, name, value)


# Faults of the network, a broker or a room happen at one site, or, with ALL, at each.


@_action("cut")
def _cut(world, where):
    for site in world.chosen(where):
        site.road.cut()


@_action("dark")
def _dark(world, where, ends):
    for site in world.chosen(where):
        site.road.darken(ends)


@_action("outage of hours")
@_action("outage")
def _outage(world, where, ms, is_silent):
    for site in world.chosen(where):
        if is_silent:
            site.road.darken()
        else:
            site.road.cut()
        site.road.is_down = True
        _later(world, ms, "is_down", site.road, False)


@_action("stall")
def _stall(world, where, ms):
    for site in world.chosen(where):
        site.road.stalled_until = world.scheduler.now + ms


@_action("slow")
def _slow(world, where, factor, ms):
    for site in world.chosen(where):
        site.road.slow = factor
        _later(world, ms, "slow", site.road, 1)


@_action("flap")
def _flap(world, where, ms, every):
    for site in world.chosen(where):
        for at in range(0, ms, every):
            world.scheduler.after(at, site.road.cut)


@_action("broker crash")
def _broker_crash(world, where, mode, ms):
    for site in world.chosen(where):
        if site.broker.is_up:
            site.broker.crash(mode)
            world.scheduler.after(ms, site.broker.start)


@_action("broker snapshot")
def _broker_snapshot(world, where):
    for site in world.chosen(where):
        if site.broker.is_up:
            site.broker.snapshot()


@_action("broker refuses")
def _broker_refuses(world, where, code, ms):
    for site in world.chosen(where):
        site.broker.refuses = code
        site.road.cut()
        _later(world, ms, "refuses", site.broker, 0)


@_action("broker loses")
def _broker_loses(world, where, share, ms):
    for site in world.chosen(where):
        site.broker.loses = share
        _later(world, ms, "loses", site.broker, 0.0)


@_action("broker repeats")
def _broker_repeats(world, where, share, ms):
    for site in world.chosen(where):
        site.broker.repeats = share
        _later(world, ms, "repeats", site.broker, 0.0)


@_action("broker shuffles")
def _broker_shuffles(world, where, within, ms):
    for site in world.chosen(where):
        site.broker.shuffles = within
        _later(world, ms, "shuffles", site.broker, 0)


@_action("broker forgets a subscription")
def _forget_subscription(world, where):
    for site in world.chosen(where):
        site.broker.forget_subscriptions(world.vehicle.name)


@_action("broker refuses subscriptions")
def _refuse_subscriptions(world, where, ms):
    for site in world.chosen(where):
        site.broker.refuses_subscriptions = True
        site.road.cut()
        _later(world, ms, "refuses_subscriptions", site.broker, False)


@_action("room crash")
def _room_crash(world, where, point, ms):
    for site in world.chosen(where):
        if site.host.is_up:
            site.host.crash_at(point, ms)


@_action("room cut")
def _room_cut(world, where):
    for site in world.chosen(where):
        site.lane.cut()


@_action("room dark")
def _room_dark(world, where, ends):
    for site in world.chosen(where):
        site.lane.darken(ends)


@_action("store refuses")
def _store_refuses(world, where, ms):
    for site in world.chosen(where):
        site.host.store.refuses = True
        _later(world, ms, "refuses", site.host.store, False)


@_action("room clock")
def _room_clock(world, where, ms):
    for site in world.chosen(where):
        site.host.offset_ms += ms


@_action("power cut")
def _power_cut(world, off_ms):
    vehicle = world.vehicle
    vehicle.off_ms = off_ms
    if vehicle.is_up:
        vehicle.lose_power()


@_action("power cut at a write")
def _power_cut_at(world, write, off_ms):
    world.vehicle.off_ms = off_ms
    world.vehicle.disk.arm("write", write, "cut")


@_action("power cut while starting")
def _power_cut_starting(world, kind, operation, off_ms):
    _power_cut(world, off_ms)
    world.vehicle.disk.arm(kind, operation, "cut")


@_action("kill")
def _kill(world):
    if world.vehicle.is_up:
        world.vehicle.die()


@_action("kill at a write")
def _kill_at(world, write):
    world.vehicle.disk.arm("write", write, "kill")


@_action("restart")
def _restart(world, off_ms):
    world.vehicle.off_ms = off_ms
    world.vehicle.stop()


@_action("gnss clock")
def _gnss_clock(world, ms, duration):
    world.vehicle.workload.gnss_error_ms = ms
    world.ledger.has_lying_clock = True
    _later(world, duration, "gnss_error_ms", world.vehicle.workload, 0)


@_action("alerts")
def _alerts(world, count):
    vehicle = world.vehicle
    for n in range(count):
        vehicle.enter(vehicle.event_if_up, "panic", n)


@_action("disk write fails")
def _disk_write(world, operation, fault, count):
    for n in range(count):
        world.vehicle.disk.arm("write", operation + n, fault)


@_action("disk read fails")
def _disk_read(world, operation, count):
    for n in range(count):
        world.vehicle.disk.arm("read", operation + n, "EIO")


@_action("disk rots")
def _disk_rots(world):
    world.vehicle.disk.rot("abt")


@_action("disk broken")
def _disk_broken(world, fault, ms):
    world.vehicle.disk.broken = fault
    _later(world, ms, "broken", world.vehicle.disk, None)


@_action("disk unreadable")
def _disk_unreadable(world, ms):
    world.vehicle.disk.is_unreadable = True
    _later(world, ms, "is_unreadable", world.vehicle.disk, False)


@_action("disk full")
def _disk_full(world, ms):
    disk = world.vehicle.disk
    disk.capacity = disk.used()
    _later(world, ms, "capacity", disk, world.settings["capacity"])
