"""Makes the agent's source smaller for a chip, before it is compiled; its lines stay in place.

MicroPython keeps every name of every module in one pool for ever, some 22 bytes each, and a global
name takes a place in its module's dictionary besides. Four steps, over all modules at once:

constants   an integer that has a name in capitals at the top of a module takes that name's place,
            there and in the modules that import it; definition and import fall away
private     names that begin with an underscore, and in linked modules those of attributes that
            stand nowhere else, are numbered (`_a`, `_b` ...) in each module anew,
            so that all modules share them; modules whose classes inherit from each other count as
            one. A module that uses another's private name is refused
slots       `__slots__` does nothing there, and falls away
arguments   names of arguments that are names of nothing else become `a`, `b` ...

`shrink` also tells which name stands for which, so that a traceback can be read back: line numbers
in it are those of the source.
"""

import ast
import keyword
import string
from pathlib import Path

from tools.release import ReleaseError
from tools.release.link import link
from tools.release.source import FUNCTIONS, Module, bound, errors, is_private

_LETTERS = string.ascii_lowercase + string.ascii_uppercase
_OPERATIONS = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b, ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b, ast.BitOr: lambda a, b: a | b, ast.BitAnd: lambda a, b: a & b,
}  # fmt: skip
# Names that built-in things, and those of standard modules that the agent uses, have: they keep a
# meaning of their own. A file, so that every Python makes the same release of the same source.
_FOREIGN = frozenset((Path(__file__).parent / "foreign.txt").read_text().split())
_KEPT = ("self", "cls")  # every module has them
_MOST_BITS = 62  # of a folded integer: beyond, each use would be an object of its own


def shrink(sources, is_linked=True):
    """{module: source} made smaller; {module: {short name: what it stood for}}; and for the linked
    ones what `link` tells of their lines.

    sources: {module's full name: bytes}; what is no Python stays as it is, for the compiler to
    complain of. Raises ReleaseError."""
    good, rest = {}, {}
    for name, source in sources.items():
        try:
            ast.parse(source)
            good[name] = source
        except SyntaxError:
            rest[name] = source
    modules = _modules(good)
    for module in modules.values():
        module.drop_slots()
    _fold(modules)
    good, lines = _texts(modules), {}
    if is_linked and not rest:
        good, lines = link(good)
    modules = _modules(good)
    _number(modules, lines)
    _arguments(modules)
    names = {name: module.names for name, module in modules.items() if module.names}
    return {**_texts(modules), **rest}, names, lines


def _modules(sources):
    return {name: Module(name, source) for name, source in sources.items()}


def _texts(modules):
    return {name: module.text() for name, module in modules.items()}


# Constants


def _fold(modules):
    values = {}  # (module, name) -> integer
    rows = [row for module in modules.values() for row in _assignments(module)]
    while True:
        found = {}
        for module, name, value in rows:
            key = (module.name, name)
            if key not in values:
                number = _value(module, value, values)
                if number is not None and number.bit_length() <= _MOST_BITS:
                    found[key] = number
        for module in modules.values():
            for name, origin in module.imported.items():  # handed on
                key = (module.name, name)
                if origin in values and key not in values and not module.stored.get(name):
                    found[key] = values[origin]
        if not found:
            break
        values.update(found)
    kept = set()
    more = set().union(*(_kept(module) for module in modules.values()))
    while more - kept:
        kept |= more
        more = {modules[m].imported.get(n, (m, n)) for m, n in kept if m in modules}
    for module in modules.values():
        _use(module, values, kept)


def _kept(module):
    """(module, name) of what is imported, or asked of a module, by a name that means something else
    in another scope: where it comes from it has to stay."""
    for name, origin in module.imported.items():
        if module.stored.get(name):
            yield origin
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = node.value.id
            if module.stored.get(owner) and owner in module.modules:
                yield module.modules[owner], node.attr


def _assignments(module):
    """(module, name, value) of what may be a constant."""
    for node in module.tree.body:
        name = bound(node)
        if name is None or not _is_constant_name(name) or name in module.imported:
            continue
        if module.stored[name] == 1:
            yield module, name, node.value


def _is_constant_name(name):
    return name.upper() == name and name.strip("_")[:1].isalpha()


def _value(module, node, values):
    """The integer that an expression stands for, or None."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Call):
        is_const = isinstance(node.func, ast.Name) and node.func.id == "const"
        return _value(module, node.args[0], values) if is_const else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(module, node.operand, values)
        return None if number is None else -number
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        pair = [_value(module, side, values) for side in (node.left, node.right)]
        return None if None in pair else _OPERATIONS[type(node.op)](*pair)
    return values.get(_origin(module, node))


def _origin(module, node):
    """(module, name) of a constant that a node may mean, or None."""
    if isinstance(node, ast.Name):
        stored = module.stored.get(node.id, 0)
        if node.id in module.imported:
            return module.imported[node.id] if stored == 0 else None
        return (module.name, node.id) if stored == 1 else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = node.value.id
        if module.stored.get(owner, 0) == 0 and owner in module.modules:
            return module.modules[owner], node.attr
    return None


def _use(module, values, kept):
    """Each use becomes the integer; imports and definitions of it fall away."""
    for node in module.tree.body:
        if (module.name, bound(node)) in set(values) - kept:
            module.replace(node, "")
    for node in module.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            number = values.get(_origin(module, node))
            if number is not None and not module.is_changed(module.span(node)[0]):
                module.replace(node, f"({number})" if number < 0 else str(number))
    spent = _spent(module)
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            _trim(module, node, values, kept, spent)


def _spent(module):
    """Names of which constants were all that was used: of modules, and `const` itself."""
    used, left = set(), set()
    for node in module.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used.add(node.id)
            if not module.is_changed(module.span(node)[0]):
                left.add(node.id)
    return used - left


def _trim(module, node, values, kept, spent):
    left = []
    for alias in node.names:
        name = alias.asname or alias.name
        is_needed = (node.module, alias.name) not in values and name not in spent
        is_needed = is_needed or (module.name, name) in kept or name[0] == "_"
        if module.stored.get(name, 0) or is_needed:
            left.append(alias.name if alias.asname is None else f"{alias.name} as {name}")
    if len(left) < len(node.names):
        text = f"from {node.module} import {', '.join(left)}"
        module.replace(node, text if left else "pass" if node.col_offset else "")


# Private names


_BY_NAME = ("getattr", "setattr", "hasattr", "delattr")


def _refuse_computed(module):
    """A name that is put together while the agent runs would miss the attribute that it means."""
    for node in module.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        is_computed = len(node.args) > 1 and not isinstance(node.args[1], ast.Constant | ast.Name)
        if node.func.id in _BY_NAME and is_computed:
            where = f"{module.name}:{node.lineno}"
            raise ReleaseError(
                f"{where} computes a name for {node.func.id}: it may be another here"
            )


def _number(modules, linked):
    for module in modules.values():
        _refuse_computed(module)
    told = errors(modules.values())
    owners = {name: _defined(module) - told for name, module in modules.items()}
    for name, own in _own(modules, linked).items():
        owners[name] |= own - told
    for group in _groups(modules):
        defined = set().union(*(owners[name] for name in group))
        counts = {}
        tokens = {name: list(modules[name].tokens()) for name in group}
        for name in group:
            _refuse_foreign(modules[name], defined, owners)
            for begin, _, text in tokens[name]:
                if text in defined and not modules[name].is_changed(begin):
                    counts[text] = counts.get(text, 0) + 1
        often = sorted(counts, key=lambda text: (-counts[text], text))
        shorts = {text: "_" + _short(i) for i, text in enumerate(often)}
        for name in group:
            module = modules[name]
            for begin, end, text in tokens[name]:
                if text in shorts and not module.is_changed(begin):
                    module.edits.append((begin, end, shorts[text]))
                    module.names[shorts[text]] = text


def _of_paths(modules):
    """Words of modules' own names: an import says them, whatever else they mean."""
    return {word for name in modules for word in name.split(".")}


def _own(modules, linked):
    """{linked module: names of its attributes and methods that stand in no other module, in no
    text, and that nothing from elsewhere has}: as good as private."""
    texts = set().union(*(module.strings for module in modules.values()))
    known = _FOREIGN | texts | _of_paths(modules)
    words = {name: {t[2] for t in module.tokens()} for name, module in modules.items()}
    found = {}
    for name in linked:
        elsewhere = set().union(*(words[other] for other in modules if other != name))
        own = set()
        for node in modules[name].nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own.add(node.attr)
            elif isinstance(node, ast.ClassDef):
                own.update(n.name for n in node.body if isinstance(n, FUNCTIONS))
        is_plain = {word for word in own if not word.startswith("__")}
        found[name] = is_plain - elsewhere - known
    return found


def _defined(module):
    """Private names that a module binds, as a global, argument, method or attribute."""
    found = {name for name in module.stored if is_private(name)}
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.asname for alias in node.names if alias.asname)
    return {name for name in found if is_private(name)} - module.strings


def _refuse_foreign(module, defined, owners):
    for node in module.nodes:
        used = ()
        if isinstance(node, ast.Attribute):
            used = (node.attr,)
        elif isinstance(node, ast.ImportFrom):
            used = [alias.name for alias in node.names]
        for name in used:
            if is_private(name) and name not in defined:
                for other, names in owners.items():
                    if name in names:
                        raise ReleaseError(f"{module.name} uses {name}, which is {other}'s own")


def _groups(modules):
    """Lists of modules that number their private names together."""
    leader = {name: name for name in modules}

    def top(name):
        while leader[name] != name:
            name = leader[name]
        return name

    for module in modules.values():
        for node in module.nodes:
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                if isinstance(base, ast.Name) and base.id in module.imported:
                    other = module.imported[base.id][0]
                elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
                    other = module.modules.get(base.value.id)
                else:
                    continue
                if other in modules:
                    leader[top(other)] = top(module.name)
    groups = {}
    for name in sorted(modules):
        groups.setdefault(top(name), []).append(name)
    return groups.values()


def _short(i):
    text = _LETTERS[i % len(_LETTERS)]
    return text if i < len(_LETTERS) else _short(i // len(_LETTERS) - 1) + text


# Arguments


def _arguments(modules):
    taken = _of_paths(modules)
    for module in modules.values():
        taken |= module.strings
        for node in module.nodes:
            if isinstance(node, ast.Attribute):
                taken.add(node.attr)
            elif isinstance(node, ast.keyword) and node.arg:
                taken.add(node.arg)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                taken.add(node.name)
            elif isinstance(node, ast.ImportFrom | ast.Import):
                taken.update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, ast.Global):
                taken.update(node.names)
        taken.update(_globals(module))
    for module in modules.values():
        tokens = list(module.tokens())
        for node in module.tree.body:
            inner = node.body if isinstance(node, ast.ClassDef) else (node,)
            for function in inner:
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    _rename(module, function, tokens, taken)


def _globals(module):
    """Names at the top of a module and of its classes."""
    bodies = [module.tree.body]
    bodies += [node.body for node in module.tree.body if isinstance(node, ast.ClassDef)]
    for node in sum(bodies, []):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _rename(module, function, tokens, taken):
    """The arguments of one function, with the functions inside it."""
    begin, end = module.span(function)
    inside = [t for t in tokens if begin <= t[0] < end]
    used = {text for _, _, text in inside}
    letters = [c for c in _LETTERS if c not in used and not keyword.iskeyword(c)]
    arguments = function.args
    if arguments.kwarg or arguments.kwonlyargs:
        return
    for argument in arguments.args:
        name = argument.arg
        if name in taken or is_private(name) or name in _KEPT or len(name) == 1 or not letters:
            continue
        short = letters.pop(0)
        for at, to, text in inside:
            if text == name and not module.is_changed(at):
                module.edits.append((at, to, short))
