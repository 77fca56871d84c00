"""python -m tools.demo --help"""

import typer

from tools.demo.command import demo

typer.run(demo)
