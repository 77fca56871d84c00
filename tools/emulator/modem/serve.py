"""`patrol emulate-modem`: the modem on a pseudo-terminal, and the network behind it.

The network is a relay on loopback: what connects to it comes out at `--relay`, while a call stands.
A call that has gone takes its connections along without a word, as an operator's NAT does.

Commands on standard input, a line each: `NAME=VALUE` of the modem's state (chat.py), `reset`,
`hangup`, `garbage`.
"""

import asyncio
import contextlib
import json
import os
import sys
from typing import Annotated

import typer

from tools.emulator.modem.chat import STATE, ModemChat, StateError
from tools.emulator.pty import Clock, Uart
from tools.emulator.serve import stopped

_PIECE = 65536
_LOOK_S = 0.02  # between two looks whether a call still stands


class Relay:
    """Needs a running loop; `port` is there after `open`."""

    def __init__(self, target, modem):
        self._target, self._modem = target, modem
        self.port = None
        self.counters = {"connections": 0, "bytes": 0}

    async def open(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        call = self._modem.calls
        try:
            if not self._stands(call):
                await self._wait(call)
            other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        self.counters["connections"] += 1
        try:
            await asyncio.gather(
                self._pass_on(reader, other, call), self._pass_on(other_reader, writer, call)
            )
        finally:
            for one in (writer, other):
                one.close()

    def _stands(self, call):
        return self._modem.carries and self._modem.calls == call

    async def _wait(self, call):
        """A connection without a call comes to nothing."""
        while self._modem.calls == call:
            await asyncio.sleep(_LOOK_S)
        raise OSError("the call has gone")

    async def _pass_on(self, source, sink, call):
        while True:
            data = await source.read(_PIECE)
            if self._modem.calls != call:
                return  # another call: the network does not know this connection any more
            if not data:
                return
            if self._stands(call):
                self.counters["bytes"] += len(data)
                sink.write(data)
                with contextlib.suppress(OSError):
                    await sink.drain()


class ModemPort:
    """Between the chat and a UART."""

    def __init__(self, clock, modem, baud):
        self._clock, self._modem = clock, modem
        self._changed = asyncio.Event()
        self.uart = Uart(clock, baud, self._received)

    def _received(self, data, t):
        self._modem.feed(data, t)
        self._changed.set()

    def command(self, text):
        """Raises StateError."""
        t = self._clock.now()
        name, mark, value = text.strip().partition("=")
        if mark:
            self._modem.set(name, value)
        elif name == "reset":
            self._modem.reset(t)
        elif name == "hangup":
            self._modem.hang_up(t)
        elif name == "garbage":
            self._modem.garbage(t)
        elif name:
            raise StateError(f"{name}: no such command")
        self._changed.set()

    async def run(self):
        while True:
            self._changed.clear()
            for _, data in self._modem.poll(self._clock.now()):
                self.uart.send(data)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._modem.wake(self._clock.now()))


async def _serve(states, relay_to, baud, as_json, attached):
    clock = Clock()
    modem = ModemChat()
    for name, value in states:
        modem.set(name, value)
    port = ModemPort(clock, modem, baud)
    relay = Relay(relay_to, modem)
    await relay.open()
    stop = stopped(False)
    if as_json:
        print(json.dumps({"modem": port.uart.path, "relay": relay.port}), flush=True)
    else:
        print(f"modem  {port.uart.path}  ({baud} baud)")
        print(
            f"its network comes out at {relay_to} on loopback: connect to {relay.port}", flush=True
        )
    _listen(port, stop, attached)
    tasks = [asyncio.create_task(port.run()), *port.uart.tasks]
    await stop.wait()
    for task in tasks[:1]:
        task.cancel()
    await port.uart.close()
    print(json.dumps({"asked": modem.asked[-50:], "calls": modem.calls, **relay.counters}))


def _listen(port, stop, attached):
    """Commands come in on standard input."""
    held = bytearray()

    def readable():
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            if attached:
                stop.set()
            return
        held.extend(data)
        while b"\n" in held:
            line, _, rest = bytes(held).partition(b"\n")
            held[:] = rest
            try:
                port.command(line.decode())
            except StateError as error:
                print(error, file=sys.stderr, flush=True)

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), readable)


def emulate_modem(
    relay: Annotated[int, typer.Option(help="Loopback port at which its network comes out.")],
    state: Annotated[
        list[str] | None, typer.Option(help=f"NAME=VALUE of {', '.join(STATE)}; once for each.")
    ] = None,
    baud: Annotated[int, typer.Option()] = 115200,
    as_json: Annotated[bool, typer.Option("--json", help="Print where it is as JSON.")] = False,
    attached: Annotated[
        bool, typer.Option("--attached", help="End when standard input closes.")
    ] = False,
) -> None:
    """Emulate an LTE modem on a pseudo-terminal, with the network behind it.

    Runs until stopped; takes NAME=VALUE, reset, hangup and garbage on standard input.

    Example: patrol emulate-modem --relay 1883 --state sim=pin --state pin=4711
    """
    try:
        states = [_pair(text) for text in state or ()]
        asyncio.run(_serve(states, relay, baud, as_json, attached))
    except StateError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _pair(text):
    name, mark, value = text.partition("=")
    if not mark:
        raise StateError(f"{text}: write it as NAME=VALUE")
    ModemChat().set(name, value)
    return name, value
