"""What each module of the agent takes of the heap; runs under MicroPython.

    micropython -X heapsize=4M tools/bench/heap_imports.py MODULE...

First `agent.__main__` with all that it imports, then the modules named, in their order. Each import
prints `begin NAME USED` and `end NAME USED` with the bytes that are used after a collection, and
after each of the two the interpreter's own line about its pool of names, which is part of them.
"""

import builtins
import gc
import sys

import micropython

_import = builtins.__import__


def _mark(word, name):
    gc.collect()
    print(word, name, gc.mem_alloc())
    micropython.qstr_info()


def _is_there(name, names):
    """names: what `from name import` wants, some of which may be modules."""
    if name not in sys.modules:
        return False
    parent = sys.modules[name]
    for leaf in names if isinstance(names, tuple) else ():
        if leaf != "*" and not hasattr(parent, leaf):
            return False
    return True


def _marked_import(name, *arguments):
    names = arguments[2] if len(arguments) > 2 else None
    if not name.startswith("agent") or _is_there(name, names):
        return _import(name, *arguments)
    if name in sys.modules:  # `from agent import clock`: the module is the name's
        _mark("begin", name + "." + names[0])
        found = _import(name, *arguments)
        _mark("end", name + "." + names[0])
        return found
    _mark("begin", name)
    found = _import(name, *arguments)
    _mark("end", name)
    return found


def main(modules):
    builtins.__import__ = _marked_import
    _mark("begin", "all")
    for module in modules:
        __import__(module)
    _mark("end", "all")


if __name__ == "__main__":
    main(sys.argv[1:])
