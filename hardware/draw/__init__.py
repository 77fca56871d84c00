"""Draws KiCad 9 schematics from Python: parts on a grid, wires between their pins, notes beside."""
