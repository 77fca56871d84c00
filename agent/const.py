"""`const(value)`: on MicroPython a name that costs nothing where it begins with an underscore.

Its compiler puts the value into the code and forgets the name; elsewhere the value is just itself.
"""

try:
    from micropython import const  # noqa: F401
except ImportError:

    def const(value):
        return value
