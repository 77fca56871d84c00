"""package.json for `mip`: the agent's source for an ESP32 of which MicroPython is already there.

    python -m tools.release.package --write

The file lies at the root of the repository and names what lies below it, so that `mip` and
`mpremote` find all beside it, on a disk or on a server.
"""

import argparse
import json
import sys
from pathlib import Path

from tools.release.build import ROOT, SUFFIXES, TARGETS, version

NAME = "package.json"
_MAIN = "firmware/esp32/main.py"


def package(source=ROOT):
    """The package as a dict. No `deps`: the agent imports what the standard firmware has, and a
    second copy on the file system would go before the frozen one."""
    without = TARGETS["esp32"].without
    paths = [path.relative_to(source).as_posix() for path in sorted(source.glob("agent/**/*"))
             if path.suffix in SUFFIXES and "__pycache__" not in path.parts]  # fmt: skip
    urls = [[path, path] for path in paths if path not in without]
    return {"urls": [["main.py", _MAIN], *urls], "deps": [], "version": version(source)}


def text(found):
    """One file a line: a change of the agent's files is a change of a line."""
    rows = ",\n".join("  " + json.dumps(row) for row in found["urls"])
    rest = json.dumps({key: found[key] for key in ("deps", "version")})
    return '{"urls": [\n' + rows + "\n],\n" + rest[1:] + "\n"


def main():
    parser = argparse.ArgumentParser(description="package.json for mip")
    parser.add_argument("--write", action="store_true", help=f"write {NAME}; else only compare")
    wanted, path = text(package()), Path(ROOT) / NAME
    if parser.parse_args().write:
        path.write_text(wanted, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != wanted:
        sys.exit(f"{NAME} is not what the source says: python -m tools.release.package --write")


if __name__ == "__main__":
    main()
