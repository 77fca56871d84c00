"""The only place that knows which interpreter and machine this is.

Everything else in `agent/` imports what it needs from here, by these names:

NAME            'cpython', 'unix' (MicroPython on a PC) or 'esp32'
Uart            serial line: `await read(ms)`, `write(data)`, `set_baud(rate)`, `close()`; raises
                UartError
Terminal        serial line for people: as Uart, but `write(data)` never waits and gives the number
                of bytes that were taken
serve_local     for ever: who connects to a socket of this machine gets a line like a Terminal's
open_tcp        awaits a TCP line: `await read(ms)`, `await write(data)`, `close()`; raises TcpError
Storage         files of one folder with a flush that is real; raises StorageError
Aead            AES-256-CCM: `seal(nonce, data, aad)`, `open(nonce, data, aad)`; raises AeadError
hmac_sha256, sha256, x25519, x25519_steps, random_bytes
packb, unpackb  msgpack
inflated        a stream of what a file has as raw DEFLATE from its place on
uptime_ms       integer milliseconds since an arbitrary start, never stepping back
uplink_driver   a way to the network that the agent itself brings up (see `esp32_net.py`); raises
                PortError
mqtt_client     an MQTT connection (see `agent/comms/mqtt.py` for the interface)
Inputs          levels of the car's inputs
Battery         the battery's voltage by a measurement of its own: `read()` gives mV or None
Rtc             the machine's own clock: `read()` gives (UTC ms, uncertainty ms) or None,
                `write(utc)` sets it
wall_ms         UTC in ms by the machine's own clock, right or wrong: what TLS goes by
Watchdog        fed by a healthy agent
restart         starts the agent anew
wake_cause      what began this run: the name of an input, 'timer', or the kind of start
sleep           ends this run until an input or the timer wakes the machine; does not return
sleep_on        called first of all: goes back to sleep where nothing asked for the agent
heap            what the collected heap holds, or None where there is none to be told
data_folder     where the data files are that lie beside the modules of a folder
forget          takes a module out of memory that nobody uses any more
wait            waits for an asyncio.Event at most so many milliseconds
read_stdin      awaits a chunk of standard input, b"" at its end
on_interrupt    calls a function on SIGINT and SIGTERM, where the interpreter can
"""

import sys

if sys.implementation.name == "cpython":
    from agent.port import cpython as _impl
elif sys.platform == "esp32":
    from agent.port import esp32 as _impl
else:
    from agent.port import unix as _impl

from agent.port.errors import (  # noqa: F401
    AeadError,
    PortError,
    StorageError,
    TcpError,
    UartError,
)

NAME = _impl.NAME
Aead = _impl.Aead
Battery = _impl.Battery
Inputs = _impl.Inputs
Rtc = _impl.Rtc
Storage = _impl.Storage
Terminal = _impl.Terminal
Uart = _impl.Uart
Watchdog = _impl.Watchdog
data_folder = _impl.data_folder
forget = _impl.forget
heap = _impl.heap
hmac_sha256 = _impl.hmac_sha256
inflated = _impl.inflated
on_interrupt = _impl.on_interrupt
packb = _impl.packb
random_bytes = _impl.random_bytes
read_stdin = _impl.read_stdin
restart = _impl.restart
sha256 = _impl.sha256
sleep = _impl.sleep
sleep_on = _impl.sleep_on
unpackb = _impl.unpackb
uptime_ms = _impl.uptime_ms
wait = _impl.wait
wake_cause = _impl.wake_cause
wall_ms = _impl.wall_ms
x25519 = _impl.x25519
x25519_steps = _impl.x25519_steps


async def open_tcp(host, port, ms):
    from agent.port.tcp import TcpLine  # only who asks gpsd needs it

    return await TcpLine.open(host, port, ms, _impl.within)


async def serve_local(path, welcome):
    """welcome(line): awaited for each who connects. Raises UartError where there are no sockets."""
    from agent.port.local import serve  # only a Raspberry Pi has it

    await serve(path, welcome)


def uplink_driver(name, config):
    """name: 'wifi' or 'lte'; config: its group. Raises PortError."""
    try:
        from agent.port import esp32_net  # only who has ways of its own needs it
    except ImportError:
        raise PortError("uplink.%s: on this machine the system makes the connections" % name)
    return esp32_net.DRIVERS[name](config)


def mqtt_client(options, wake):
    # Only now: the clients stand on the protocol in agent/comms, which uses all of the above.
    return _impl.mqtt_client_class()(options, wake)
