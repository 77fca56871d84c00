"""`patrol flash`: boards from the command line."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tools.files import write_private
from tools.flash import FlashError, UsageError, contents, firmware, pi, ports, secure, work
from tools.flash import selftest as testing
from tools.flash.esptool import Esptool
from tools.flash.records import Records

app = typer.Typer(no_args_is_help=True, help="Turn factory-fresh boards into gateways.")

_BAUD = 460800  # what nearly every board's USB chip carries
_SIZES = {f"{n}MB": n << 20 for n in (2, 4, 8, 16, 32)}

PortName = Annotated[str | None, typer.Option("--port", help="Serial port; default: the only one.")]
BundlePath = Annotated[
    Path | None, typer.Option(help="The vehicle's folder, or its .tar (patrol provision).")
]
ReleasePath = Annotated[
    Path | None,
    typer.Option(help="A verified release; default: the bundle's, or this tree's agent."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Look at everything, write nothing.")]
RecordsPath = Annotated[Path, typer.Option(help="Folder for boards.jsonl: which board got what.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Baud = Annotated[int, typer.Option(min=9600, max=4_000_000, help="Baud for the data.")]


@app.command()
def esp32(
    image: Annotated[
        Path, typer.Option("--firmware", help="MicroPython's firmware image, the whole one.")
    ],
    bundle: BundlePath = None,
    port: PortName = None,
    board: Annotated[
        str | None, typer.Option(help="Pins; default: gateway_s3, or devkit_esp32.")
    ] = None,
    release: ReleasePath = None,
    update: Annotated[
        bool, typer.Option("--update", help="Keep the board's configuration, keys and journal.")
    ] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Also where the board holds a file system already.")
    ] = False,
    dry_run: DryRun = False,
    image_only: Annotated[
        Path | None, typer.Option(help="Write all into this file instead of a board.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="With --image-only: the flash, as 8MB.")] = None,
    baud: Baud = _BAUD,
    stub: Annotated[
        bool, typer.Option(help="Let esptool upload its own loader; without it is slow.")
    ] = True,
    selftest: Annotated[
        bool, typer.Option(help="Then start the gateway and ask it for its self-test.")
    ] = True,
    records: RecordsPath = Path("boards"),
    as_json: AsJson = False,
) -> None:
    """Flash firmware, agent and a vehicle's configuration onto an ESP32 or ESP32-S3.

    Everything on the board is erased, unless --update keeps what is the vehicle's.

    What was broken off is run again.

    Example: patrol flash esp32 --firmware ESP32_GENERIC_S3.bin --bundle gateway.tar --port /dev/ttyUSB0
    """  # noqa: E501 one line to copy
    shown = _Shown(as_json)
    try:
        _check_usage(bundle, update, erase, image_only, size, port, dry_run)
        fw, pins = _firmware(image, board)
        vehicle = None if update else _vehicle(bundle, pins)
        parts = fw, pins, _release(release, vehicle, pins)
        if image_only is not None:
            _write_image(parts, vehicle, image_only, _flash_size(parts[0], size), shown)
            return
        found = ports.choose(port)
        if not found.has_lines:
            shown.line(f"{found.path} has no DTR and RTS: hold BOOT and press RESET by hand")
        tool = Esptool(found, baud, not stub)
        chip = tool.chip()
        work.check_chip(chip, parts[0])
        shown.line(f"{chip.title}, {chip.mac}, flash {chip.flash_size >> 20} MiB, on {found.path}")
        kept = Records(records)
        if not update:
            kept.check_no_copy(chip.mac)
            if not erase and not kept.has_begun(chip.mac):
                work.check_nothing_is_lost(tool, chip)
        with shown.bars() as progress:
            if update:
                plan = work.update(parts, tool, chip, kept, progress)
            else:
                plan = work.fresh(parts, vehicle, chip.flash_size, stub)
        shown.plan(plan, dry_run)
        if dry_run:
            values = {**_of(chip), **plan.values(), **plan.sizes(), "dry_run": True}
            shown.result(values, "nothing was written")
            return
        if plan.before is not None:
            kept.keep(chip.mac, plan.before)
        else:
            kept.begin(chip.mac)
        with shown.bars() as progress:
            work.write(plan, tool, progress)
        kept.done(chip.mac)
        after = "it starts now" if found.has_lines else "press RESET to start it"
        shown.line(f"{plan.vehicle}: written and verified; {after}")
        row = _tested({**_of(chip), **plan.values()}, plan, selftest and found, kept, shown)
    except FlashError as error:
        raise _failed(error) from None
    shown.result(row)


@app.command("pi")
def pi_(
    root: Annotated[
        Path,
        typer.Option(help="The Pi's system: where its card is mounted, or / on the Pi itself."),
    ],
    bundle: BundlePath = None,
    release: ReleasePath = None,
    update: Annotated[
        bool, typer.Option("--update", help="Keep configuration, keys and journal.")
    ] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Also where the system is a gateway already.")
    ] = False,
    dry_run: DryRun = False,
    records: RecordsPath = Path("boards"),
    as_json: AsJson = False,
) -> None:
    """Put agent, slots, unit and a vehicle's configuration into a Raspberry Pi's system.

    The card has Raspberry Pi OS on it already; it is mounted on this machine.

    Example: patrol flash pi --root /mnt/pi --bundle v-k3n5qw2a.tar
    """
    shown = _Shown(as_json)
    try:
        _check_usage(bundle, update, erase, None, None, None, dry_run)
        plan = pi.update(root, release) if update else pi.fresh(root, bundle, release, erase)
        python = ".".join(map(str, plan.system.python))
        shown.line(f"system       {plan.system.name}, Python {python}, in {root}")
        shown.line(f"agent        {plan.release.name} for {pi.HARDWARE}, vehicle {plan.vehicle}")
        if plan.system.lacks:
            shown.line(f"it lacks     {', '.join(plan.system.lacks)}: the agent needs them")
        if dry_run:
            shown.result({**plan.values(), "dry_run": True}, "nothing was written")
            return
        pi.write(plan)
        row = Records(records).add(plan.values())
    except FlashError as error:
        raise _failed(error) from None
    shown.result(row, f"{plan.vehicle}: written; the agent starts with the Pi")


@app.command("secure")
def secure_(
    image: Annotated[Path, typer.Option("--firmware", help="A firmware built for both.")],
    keys: Annotated[Path, typer.Option(help="Folder for the keys, and for what is signed.")],
    port: PortName = None,
    run: Annotated[bool, typer.Option("--run", help="Do it. Fuses cannot be unburnt.")] = False,
    confirm: Annotated[
        str | None, typer.Option(help="With --run: the board's address, as its label says.")
    ] = None,
) -> None:
    """Show how secure boot and flash encryption are switched on: each command of espsecure and
    espefuse, in its order. Nothing is done without --run.

    Example: patrol flash secure --firmware gateway-secure.bin --keys keys
    """
    try:
        fw = firmware.read(image)
        steps = secure.steps(fw, keys, port)
        for step in steps:
            typer.echo(f"# {step.why}\n{step.line()}")
        if not run:
            typer.echo("# shown, not done; --run --confirm ADDRESS does it, and nothing undoes it")
            return
        secure.run(steps, fw, keys, ports.choose(port), confirm)
    except FlashError as error:
        raise _failed(error) from None


def _check_usage(bundle, update, erase, image_only, size, port, dry_run):
    if update and bundle is not None:
        raise UsageError("--update keeps the board's configuration: --bundle does not go with it")
    if update and erase:
        raise UsageError("--update keeps what --erase takes away: one of them")
    if not update and bundle is None:
        raise UsageError(
            "--bundle is missing: patrol provision vehicle --target esp32 or pi makes one"
        )
    if image_only is not None and (update or dry_run or port is not None):
        raise UsageError("--image-only needs no board: not with --port, --update or --dry-run")
    if size is not None and (image_only is None or size not in _SIZES):
        raise UsageError(f"--size goes with --image-only and is one of {', '.join(_SIZES)}")


def _firmware(image, board):
    """(Firmware, Board) that go together."""
    fw = firmware.read(image)
    pins = contents.board(board or contents.DEFAULT_BOARDS[fw.chip])
    if pins.chip != fw.chip:
        raise FlashError(f"board {pins.name} has an {pins.chip}, {image} is for {fw.chip}")
    return firmware.with_rom(fw, pins.rom), pins


def _release(path, vehicle, board):
    """What was named, or what the bundle carries, or this source tree's agent."""
    if path is not None:
        return contents.released(path, board.name)
    carried = contents.laid_out(vehicle[0], board.name) if vehicle else None
    return carried or contents.built("esp32", board.name)


def _vehicle(bundle, board):
    """(files, configuration as written, as checked) of a bundle that is good for this board."""
    files = contents.bundle(bundle)
    return files, *contents.configuration(files, bundle, board)


def _flash_size(fw, size):
    if size is not None:
        return _SIZES[size]
    named = [p for p in fw.partitions if p.name == firmware.VFS]
    if not named:
        raise UsageError("the firmware makes its file system as large as the flash: say --size")
    return named[0].end


def _write_image(parts, vehicle, out, flash_size, shown):
    plan = work.fresh(parts, vehicle, flash_size)
    at, data = work.combined(plan)
    try:
        write_private(out, data)  # it holds the vehicle's keys
    except OSError as error:
        raise FlashError(f"{out}: {error.strerror}") from None
    shown.plan(plan, True)
    values = {
        **plan.values(),
        **plan.sizes(),
        "image": str(out),
        "image_at": at,
        "image_bytes": len(data),
    }
    shown.result(values, f"{out}: {len(data)} bytes, to be written to {at:#x} of an erased board")


def _tested(values, plan, port, kept, shown):
    """The record, with what the gateway says of itself; port: False where nobody asks. It is kept
    whatever the gateway says. Raises FlashError."""
    verdicts = None
    try:
        if port and plan.console == contents.CONSOLE:
            verdicts = testing.run(port, plan.vehicle, shown.line)
            for line in testing.lines(verdicts):
                shown.line(line)
        elif port:
            shown.line("no self-test: the configuration has no console on this line")
    finally:
        told = verdicts and [[v.part, v.verdict, v.text] for v in verdicts]
        row = kept.add({**values, "selftest": told})
    return row


def _of(chip):
    return {"mac": chip.mac, "title": chip.title, "flash_bytes": chip.flash_size}


class _Shown:
    """Lines and bars for people, or one line of JSON for programs."""

    def __init__(self, as_json):
        self._as_json = as_json
        self._console = Console(soft_wrap=True, highlight=False, quiet=as_json)

    def line(self, text):
        self._console.print(text, markup=False)

    def plan(self, plan, is_whole=False):
        """is_whole: with what takes how much."""
        fs = sum(len(data) for what, _, data in plan.pieces if what == "file system")
        fw = sum(len(data) for what, _, data in plan.pieces if what == "firmware")
        place = plan.partition
        self.line(f"firmware     {plan.firmware}, {fw >> 10} KiB")
        self.line(
            f"file system  {place.size >> 10} KiB at {place.at:#x}, {fs >> 10} KiB to write, "
            f"{plan.journal_bytes >> 10} KiB for the journal"
        )
        rom = plan.rom
        if rom:
            text = f"{rom.size >> 10} KiB at {rom.at:#x}: the agent's modules run in place"
        else:
            text = "none in this firmware: the agent's modules take a heap of 400 KiB"
        self.line(f"ROM          {text}")
        fits = plan.budget.journal_bytes
        if plan.journal_bytes > fits:
            self.line(
                f"the journal's quota is {plan.journal_bytes >> 10} KiB, and {max(0, fits) >> 10} "
                "KiB fit beside two slots: a full journal may leave an update no room; lower "
                "journal.quota_bytes"
            )
        if is_whole:
            for line in plan.budget.lines():
                self.line(line)
        self.line(f"agent        {plan.agent} for {plan.board}, vehicle {plan.vehicle}")
        if is_whole:
            for room, count, size in plan.rooms:
                self.line(f"  {room:<36}{count:4} files{size / 1024:9.1f} KiB")
            count, size = (sum(row[n] for row in plan.rooms) for n in (1, 2))
            self.line(f"  {'in all':<36}{count:4} files{size / 1024:9.1f} KiB")

    def result(self, values, text=None):
        if self._as_json:
            typer.echo(json.dumps(values))
        elif text:
            self.line(text)

    def bars(self):
        return _Bars(self._console)


class _Bars:
    """A bar for each kind of thing that makes progress; none where nothing does."""

    def __init__(self, console):
        columns = TextColumn("{task.description:<17}"), BarColumn(), TaskProgressColumn()
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console)
        self._tasks = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._tasks:
            self._progress.stop()

    def __call__(self, what, part):
        if not self._tasks:
            self._progress.start()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=1.0)
        self._progress.update(self._tasks[what], completed=part)


def _failed(error):
    typer.echo(str(error), err=True)
    return typer.Exit(2 if isinstance(error, UsageError) else 1)
