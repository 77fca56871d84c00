"""The emulated patrol car: one vehicle model behind a GPS receiver and an OBD adapter.

    from tools.emulator import drive, load
    for sentences, truth in drive(load("casablanca-short")):
        ...

`drive` needs neither time nor devices; `serve.py` puts both devices on pseudo-terminals.
"""

from tools.emulator.device import drive
from tools.emulator.scenario import ScenarioError, load, parse

__all__ = ["ScenarioError", "drive", "load", "parse"]
