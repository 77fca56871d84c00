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
    world.road.heal()
    world.lane.heal()
    world.broker.heal()
    if not world.broker.is_up:
        world.broker.start()
    world.host.heal()
    world.vehicle.disk.disarm()
    world.vehicle.disk.capacity = max(world.settings["capacity"], 2 * world.settings["quota"])
    world.vehicle.workload.gnss_error_ms = 0


def _later(world, ms, name, owner, value):
    """Sets an attribute back; a later fault of its kind may have made it so again: no matter."""
    world.scheduler.after(ms, setattr, owner, name, value)


@_action("cut")
def _cut(world):
    world.road.cut()


@_action("dark")
def _dark(world, ends):
    world.road.darken(ends)


@_action("outage")
def _outage(world, ms, is_silent):
    if is_silent:
        world.road.darken()
    else:
        world.road.cut()
    world.road.is_down = True
    _later(world, ms, "is_down", world.road, False)


@_action("stall")
def _stall(world, ms):
    world.road.stalled_until = world.scheduler.now + ms


@_action("slow")
def _slow(world, factor, ms):
    world.road.slow = factor
    _later(world, ms, "slow", world.road, 1)


@_action("flap")
def _flap(world, ms, every):
    for at in range(0, ms, every):
        world.scheduler.after(at, world.road.cut)


@_action("broker crash")
def _broker_crash(world, mode, ms):
    if world.broker.is_up:
        world.broker.crash(mode)
        world.scheduler.after(ms, world.broker.start)


@_action("broker snapshot")
def _broker_snapshot(world):
    if world.broker.is_up:
        world.broker.snapshot()


@_action("broker refuses")
def _broker_refuses(world, code, ms):
    world.broker.refuses = code
    world.road.cut()
    _later(world, ms, "refuses", world.broker, 0)


@_action("broker loses")
def _broker_loses(world, share, ms):
    world.broker.loses = share
    _later(world, ms, "loses", world.broker, 0.0)


@_action("broker repeats")
def _broker_repeats(world, share, ms):
    world.broker.repeats = share
    _later(world, ms, "repeats", world.broker, 0.0)


@_action("broker shuffles")
def _broker_shuffles(world, within, ms):
    world.broker.shuffles = within
    _later(world, ms, "shuffles", world.broker, 0)


@_action("broker forgets a subscription")
def _forget_subscription(world):
    world.broker.forget_subscriptions(world.vehicle.name)


@_action("broker refuses subscriptions")
def _refuse_subscriptions(world, ms):
    world.broker.refuses_subscriptions = True
    world.road.cut()
    _later(world, ms, "refuses_subscriptions", world.broker, False)


@_action("room crash")
def _room_crash(world, point, ms):
    if world.host.is_up:
        world.host.crash_at(point, ms)


@_action("room cut")
def _room_cut(world):
    world.lane.cut()


@_action("room dark")
def _room_dark(world, ends):
    world.lane.darken(ends)


@_action("store refuses")
def _store_refuses(world, ms):
    world.host.store.refuses = True
    _later(world, ms, "refuses", world.host.store, False)


@_action("room clock")
def _room_clock(world, ms):
    world.host.offset_ms += ms


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
