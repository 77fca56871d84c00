"""`python -m agent --config FILE`, and the same under MicroPython."""

import asyncio
import json
import sys

from agent import port

# Before all that takes a chip seconds: it may have been woken for its watchdog alone.
port.sleep_on()

from agent.app import App  # noqa: E402
from agent.comms.seal import KeyAgreementError  # noqa: E402

_SETTINGS = "settings"  # file of `settings.py`, which is imported when it is there
_WIPE = "wipe"  # and of `update/wipe.py`
_GONE = 78  # EX_CONFIG: a service manager must not start it again
_WIPE_DRAIN_S = 10  # at least, for the room to learn of it before the keys are gone


class Refused(Exception):
    """The configuration cannot be used; the text says why."""


class Mended(Exception):
    """Settings on trial may have been why the agent crashed, and are given up: it is to be tried
    as a whole before the minimal boot."""


class Wiped(Exception):
    """The vehicle's secrets are gone: it must not be started again."""


def _configuration(path, is_minimal):
    """(checked configuration, Settings that are on trial or untold, or None). What checks it
    leaves the memory again: 20 KB of a chip's heap. Raises Mended."""
    from agent import config

    try:
        checked = config.load(path)
        storage = port.Storage(checked["journal"]["dir"])
        names = storage.names()
        if _WIPE in names:
            _erase(path, checked, storage)
        if is_minimal:
            return _reduced(path, storage if _SETTINGS in names else None)
        if _SETTINGS in names:
            return _with_settings(path, checked, storage)
        return checked, None
    except config.Wiped as e:
        raise Wiped(str(e))
    except config.ConfigError as e:
        raise Refused(str(e))
    finally:
        port.forget("agent.config")


def _with_settings(path, provisioned, storage):
    """The same with what the room has set, where that can be used."""
    from agent import config
    from agent.settings import Settings, SettingsError, merge

    settings = Settings(storage)
    values = settings.begin()
    checked = provisioned
    while values:
        try:
            checked = config.check(merge(config.read(path), values))
            break
        except (config.ConfigError, SettingsError) as e:
            _error("agent: settings from afar: %s" % e)
            values = settings.unfit(str(e))
    if settings.fault:
        _error("agent: %s" % settings.fault)
    return checked, settings if settings.is_pending else None


def _reduced(path, storage):
    """The same for the minimal boot. storage: where there are settings, else None."""
    from agent.starting import reduced

    settings = None
    if storage:
        from agent.settings import Settings

        settings = Settings(storage)
        if settings.trial is not None:
            settings.give_up("crashed")
            raise Mended
    return reduced(path, settings), settings if settings and settings.is_pending else None


def _starting(options):
    """What looks after crashes, or None: 4 KB of a chip's heap that few starts need."""
    if options["crashes"] is None:
        return None
    from agent.starting import Starting

    return Starting(options["crashes"], options["minimal"])


def _erase(path, config, storage):
    """Erases what an order says that is to be erased. Raises Wiped when it was; port.StorageError
    when not all of it could be."""
    from agent.update import wipe

    generation, due = wipe.state(storage)
    if due is not None and due == config["keys"]["psk_generation"]:
        wipe.erase(storage, path, config, generation)
        raise Wiped("the secrets of this vehicle are erased, by order %d" % generation)


def _options(argv):
    """{option: value}, or the exit code where the agent is not to run. Leaves the memory, too."""
    from agent.arguments import USAGE, UsageError, arguments

    if "--help" in argv or "-h" in argv:
        print(USAGE)
        return 0
    try:
        return arguments(argv)
    except UsageError as e:
        _error("agent: %s (--help tells more)" % e)
        return 2
    finally:
        port.forget("agent.arguments")


def _error(text):
    print(text, file=sys.stderr)


def _print_json(value):
    print(json.dumps(value))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


async def _watch_stdin(app):
    while await port.read_stdin():
        pass
    app.stop()


async def _print_status(app, seconds):
    while True:
        status = app.status()
        heap = port.heap()
        if heap:
            status["heap"] = heap
        _print_json(status)
        await asyncio.sleep(seconds)


def _prepared(options):
    """The App, with what the start's options and earlier runs want of it. Raises Refused, Wiped,
    PortError."""
    starting = _starting(options)
    try:
        config, settings = _configuration(options["config"], options["minimal"])
    except Mended:
        if starting:
            starting.ended()
        port.restart()
    app = App(config, _error)
    app.config_path = options["config"]
    app.settings = settings
    app.starting = starting
    return app


async def _run(app, options):
    await app.start()
    helpers = []
    if options["attached"]:
        helpers.append(asyncio.create_task(_watch_stdin(app)))
    if options["status"]:
        helpers.append(asyncio.create_task(_print_status(app, options["status"])))
    port.on_interrupt(app.stop)
    await app.run()
    drain = options["drain"]
    if app.is_wiping:
        drain = max(drain, _WIPE_DRAIN_S)
    elif app.is_restarting and not app.is_proved():
        drain = 0  # nobody is there to wait for; what is journalled goes after the start
    await app.finish(int(drain * 1000))
    for helper in helpers:
        helper.cancel()
    if app.is_restarting:
        # From here: whoever waits for standard input to close would wait for ever.
        _print_summary(app)
        if app.starting:
            app.starting.ended()
        port.restart()
    if app.is_wiping:
        _erase(app.config_path, app.config, app.journal.storage)
    if app.powering and app.powering.rest:
        _print_summary(app)
        port.sleep(*app.powering.rest)


def _print_summary(app):
    summary = app.status()
    summary["counters"] = app.counters()
    _print_json({"summary": summary})


def main(argv, why=None):
    """Exit code: 0, 1 when it failed, 2 for wrong use, 78 when its secrets were erased by order.
    why: a list that takes the reason of a failure."""
    options = _options(argv)
    if isinstance(options, int):
        return options
    try:
        app = _prepared(options)
        try:
            asyncio.run(_run(app, options))
        except KeyboardInterrupt:
            # Only where the interpreter has no signal handlers: the loop is taken up again.
            asyncio.run(app.finish(int(options["drain"] * 1000)))
    except Wiped as e:
        _error("agent: %s" % e)
        return _GONE
    except (Refused, port.PortError, KeyAgreementError) as e:
        _error("agent: %s" % e)
        if why is not None:
            why.append(str(e))
        return 1
    _print_summary(app)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
