"""The patrol agent: one code base for CPython and MicroPython.

Start with `agent/app.py`: it builds the parts and shows how they are wired.
"""
