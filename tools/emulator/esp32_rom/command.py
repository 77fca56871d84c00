"""`patrol emulate-esp32`: the emulated chip from the command line."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tools.emulator.esp32_rom import serve
from tools.emulator.esp32_rom.chips import CHIPS
from tools.emulator.esp32_rom.faults import FaultError, Faults, parse
from tools.emulator.esp32_rom.nor import SIZES, Nor, NorError
from tools.emulator.esp32_rom.rom import Loader

_USAGE = 2  # exit code of wrong use


def emulate_esp32(
    flash: Annotated[Path, typer.Option(help="File that is its flash; made where missing.")],
    chip: Annotated[str, typer.Option(help=" or ".join(CHIPS))] = "esp32s3",
    size: Annotated[str, typer.Option(help="Size of the flash: " + ", ".join(SIZES))] = "8MB",
    mac: Annotated[str, typer.Option(help="Its address.")] = "24:6f:28:00:00:01",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong, once for each: lost@3, reset@3, md5, ..."),
    ] = None,
    control: Annotated[
        Path | None, typer.Option(help="File with faults, one a line; read when it changes.")
    ] = None,
    uart: Annotated[
        list[str] | None,
        typer.Option(help="What hangs on the gateway's UART, as 1=/dev/pts/5; once for each."),
    ] = None,
    heap: Annotated[str, typer.Option(help="MicroPython's heap, of the gateway.")] = "512K",
    link: Annotated[
        Path | None, typer.Option(help="Symbolic link to the terminal; it outlives unplugging.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the terminal as one JSON line.")
    ] = False,
    attached: Annotated[
        bool, typer.Option("--attached", help="End when standard input closes.")
    ] = False,
) -> None:
    """Emulate the serial loader of an ESP32 or ESP32-S3 on a pseudo-terminal, for esptool.

    It is in its loader, as with BOOT held. SIGUSR1 is its RESET button: what is in the flash
    starts, with its USB on the same terminal (emulate-gateway). SIGUSR2 is RESET with BOOT held.

    Runs until stopped. Example: patrol emulate-esp32 --flash flash.bin --chip esp32s3 --size 8MB
    """
    try:
        address = bytes.fromhex(mac.replace(":", ""))
    except ValueError:
        address = b""
    if chip not in CHIPS or size not in SIZES or len(address) != 6:
        known = f"chips are {', '.join(CHIPS)}, sizes {', '.join(SIZES)}, an address six bytes"
        raise _failed(f"{chip}, {size}, {mac}: {known}", _USAGE)
    try:
        faults = Faults([parse(text) for text in fault or ()], control)
    except FaultError as error:
        raise _failed(str(error), _USAGE) from None
    try:
        nor = Nor(flash, SIZES[size])
        try:
            loader = Loader(CHIPS[chip], nor, address, faults)
            board = ["--flash", str(flash.absolute()), "--heap", heap]
            board += [word for text in uart or () for word in ("--uart", text)]
            port = serve.Port(loader, faults, link)
            asyncio.run(serve.serve(port, board, as_json, attached))
        finally:
            nor.close()
    except (NorError, FaultError) as error:
        raise _failed(str(error), 1) from None
    except OSError as error:
        raise _failed(f"{error.filename or flash}: {error.strerror}", 1) from None


def _failed(text, code):
    typer.echo(text, err=True)
    return typer.Exit(code)
