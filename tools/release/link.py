"""Makes one module of all that a room of the agent always loads, when a release is compiled.

A module costs MicroPython some 300 bytes beside its code (the module, its dictionary, its name
twice), and each name that it imports 20 more. What a gateway imports at its start in the rooms of
ROOMS therefore becomes the package's own module (`agent/gps/__init__`): its modules one after the
other, in the order of their imports, each line as it was. Imports among them fall away. What is
imported only where it is needed stays a module of its own, or is one with what it comes with
(GROUPS).

Names at the top of a module get the module's name behind them, so that no two meet; a name that
other modules import keeps its own, where it is the only one. `link` tells at which line of the
package's module each module begins, so that a traceback can be read back.
"""

import ast
import builtins

from tools.release import ReleaseError
from tools.release.source import FUNCTIONS, Module, Scopes, bound, errors

ROOMS = ("gps", "obd", "comms")
# Small modules that come and go with another, or are always beside it: each would take a block of
# the flash for itself, twice.
GROUPS = {
    "agent.port.micropython": (
        "agent.port.ccm", "agent.port.errors", "agent.port.hmac", "agent.port.msgpack",
        "agent.port.reading", "agent.port.storage",
    ),
    "agent.console.shell": (
        "agent.console.editor", "agent.console.session", "agent.console.texts",
    ),
    "agent.console.look_live": ("agent.console.look_config", "agent.console.look_scan"),
    "agent.obd.scan": ("agent.obd.monitors", "agent.obd.readiness"),
    "agent.update.slots": ("agent.port.tree", "agent.update.boot", "agent.update.errors"),
}  # fmt: skip
# What lies in no room and builds on the rooms becomes a part of this.
TOP = "agent.app"
# What is loaded at the start, with what it imports in turn; of the ports those that there are.
START = (
    "agent.__main__", "agent.port.esp32", "agent.port.unix", "agent.port.micropython",
    "agent.port.mqtt_asyncio",
)  # fmt: skip


def link(sources):
    """({module: source}, {package: [[first line, module], ...]}); sources: {module: bytes}, Python
    all of them. Raises ReleaseError."""
    return Program(sources).text()


class Program:
    def __init__(self, sources, is_all_exported=False):
        """is_all_exported: all that is public can be imported, for tests."""
        self.modules = {name: Module(name, source) for name, source in sources.items()}
        self.scopes = {name: Scopes(module.tree) for name, module in self.modules.items()}
        self.asked = {}  # (module, scope, alias of a module) -> attributes asked of it
        self.packages = {}
        whole = self._used_as_objects()
        started = self._started()
        for package in (*("agent." + room for room in ROOMS), *GROUPS, TOP):
            members = [m for m in self._in_order(started, package)
                       if m.name not in whole or m.name == package]  # fmt: skip
            if len(members) > 1:
                self.packages[package] = members
                for module in members:
                    module.linked = package
        self.final = {}  # (linked module, name at its top) -> its name in the package
        self.outside = {}  # (package, alias, what it is) -> its name in the package
        self._errors = errors(self.modules.values())
        exported = self._exported()
        if is_all_exported:
            exported |= {(name, word) for name in self.modules
                         for word in self.scopes[name].top.names if word[0] != "_"}  # fmt: skip
        for package, members in self.packages.items():
            self._name(package, members, exported)

    def text(self):
        """What `link` gives."""
        out, lines = {}, {}
        for name, module in self.modules.items():
            self.rewrite(module)
            if module.linked is None:
                out[name] = module.text()
        for package, members in self.packages.items():
            text, lines[package] = b"", []
            for member in members:
                lines[package].append([text.count(b"\n") + 1, member.name])
                piece = member.text()
                text += piece if piece.endswith(b"\n") or not piece else piece + b"\n"
            out[package] = text
        return out, lines

    def handed_on(self, module):
        """(name, package, name there) of what a module imports from linked ones."""
        top = self.scopes[module.name].top
        for name in top.names:
            origin = self._bound_to(module, top, name)
            if origin and origin[0] == "object" and self._package(origin[1]):
                yield name, self._package(origin[1]), self.final[origin[1:]]

    # What belongs together

    def dependencies(self, module):
        """Modules of the program that a module imports when it is imported."""
        found = []
        for node in _at_import(module.tree.body):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    found.append(full if full in self.modules else node.module)
        return [name for name in found if name in self.modules]

    def _started(self):
        found, left = set(), [name for name in START if name in self.modules]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.dependencies(self.modules[name])
                if "." in name:
                    left += [p for p in (name.rpartition(".")[0],) if p in self.modules]
        return found

    def _in_order(self, started, package):
        """The package's started modules, each after those that it imports."""
        members, seen = [], set()
        inside = [n for n in started if n == package or n.startswith(package + ".")]
        if package in GROUPS:
            inside = [n for n in (package, *GROUPS[package]) if n in self.modules]
        if package == TOP:
            below = self._below(self.packages)
            rooms = {n.rpartition(".")[0] for n in self.modules}
            inside = [n for n in started if n.count(".") == 1 and n not in below | rooms]
            inside = [n for n in inside if n != START[0]]

        def add(name):
            if name in seen:
                return
            seen.add(name)
            for other in self.dependencies(self.modules[name]):
                if other in inside:
                    add(other)
            members.append(self.modules[name])

        for name in sorted(inside):
            add(name)
        return members

    def _below(self, packages):
        """Modules that the rooms build on, and the rooms themselves; START's ports, too."""
        found, left = set(), [m.name for members in packages.values() for m in members]
        left += [name for name in START[1:] if name in self.modules]
        while left:
            name = left.pop()
            if name not in found:
                found |= {name, name.rpartition(".")[0]}
                left += self.dependencies(self.modules[name])
        return found

    def _used_as_objects(self):
        """Modules that somebody does not only ask for attributes: they stay modules."""
        whole = set()
        for name, module in self.modules.items():
            owners = {id(n.value): n for n in module.nodes if isinstance(n, ast.Attribute)}
            for word, node, scope in self.scopes[name].uses:
                home = scope.home(word)
                origin = self._bound_to(module, home, word)
                if not origin or origin[0] != "module" or not isinstance(node, ast.Name):
                    continue
                owner = owners.get(id(node))
                if owner is None or not isinstance(owner.ctx, ast.Load):
                    for made in home.names[word]:  # one name may stand for one of several
                        found = self._import_of(made, word)
                        if found and found[0] == "module":
                            whole.add(found[1])
                else:
                    self.asked.setdefault((name, home, word), {})[owner.attr] = None
        return whole

    # What a name means

    def _bound_to(self, module, home, name):
        """What an import binds to a name in a scope: ("module", name), ("object", module, name),
        ("outside", module, name); None where it is no import's."""
        nodes = home.names.get(name, ())
        imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
        if not imports:
            return None
        if len(imports) < len(nodes) and home.kind == "module":
            if all(n in imports or isinstance(n, FUNCTIONS) for n in nodes):
                return None  # a substitute where the import fails
            raise ReleaseError(f"{module.name}: {name} is both imported and made there")
        return self._import_of(imports[0], name)

    def _import_of(self, node, name):
        """The same of one import; None of anything else."""
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return None
        if isinstance(node, ast.Import):
            return ("outside", "", name)
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                return self.origin(node.module, alias.name)
        return None

    def origin(self, module, name):
        if f"{module}.{name}" in self.modules:
            return ("module", f"{module}.{name}")
        if module not in self.modules:
            return ("outside", module, name)
        found = self._bound_to(self.modules[module], self.scopes[module].top, name)
        return found or ("object", module, name)

    def _package(self, module):
        return self.modules[module].linked

    # Names in a package

    def _exported(self):
        """(module, name) of all that is imported, or asked for, from outside its package."""
        found = set()
        for name, module in self.modules.items():
            origins = []
            for node in module.nodes:
                if isinstance(node, ast.ImportFrom):
                    origins += [self.origin(node.module, alias.name) for alias in node.names]
            for (asking, home, word), attributes in self.asked.items():
                if asking == name:
                    of = self._bound_to(module, home, word)[1]
                    origins += [self.origin(of, attribute) for attribute in attributes]
            for origin in origins:
                if origin[0] == "object" and self._package(origin[1]) != module.linked:
                    found.add(origin[1:])
        return found

    def _name(self, package, members, exported):
        taken = set(dir(builtins))
        taken |= {n[len(package) + 1 :] for n in self.modules if n.startswith(package + ".")}
        aliases = {}
        for module in members:
            top = self.scopes[module.name].top
            # A local variable of that name would hide it.
            taken |= {name for name, _, scope in self.scopes[module.name].uses
                      if scope is not top and name in scope.names}  # fmt: skip
            for name in top.names:
                origin = self._bound_to(module, top, name)
                if origin and not self._is_inside(origin, package):
                    aliases.setdefault(name, []).append(origin)
        public = []
        for module in members:
            top = self.scopes[module.name].top
            for name in top.names:
                is_wanted = (module.name, name) in exported or name in self._errors
                if is_wanted and not self._bound_to(module, top, name):
                    public.append(name)
        for module in members:
            leaf = module.name.rpartition(".")[2]
            top = self.scopes[module.name].top
            for name in top.names:
                if self._bound_to(module, top, name):
                    continue
                if _is_builtin(module, name):
                    self.final[module.name, name] = name
                    continue
                is_free = name not in taken and name not in aliases and public.count(name) == 1
                if name in self._errors:
                    if not is_free:
                        raise ReleaseError(f"{module.name}: another exception {name} is near it")
                    final = name
                elif (module.name, name) not in exported:
                    final = f"_{'' if name[0] == '_' else 'p_'}{name.strip('_')}__{leaf}"
                else:
                    final = name if is_free else f"{name}__{leaf}"
                self.final[module.name, name] = final
        for name, origins in aliases.items():
            for origin in origins:
                is_one = all(other == origin for other in origins)
                clash = f"_{name.strip('_')}__{origins.index(origin)}"
                self.outside[package, name, origin] = name if is_one else clash

    def _is_inside(self, origin, package):
        return origin[0] != "outside" and self._package(origin[1]) == package

    # Changes

    def rewrite(self, module):
        """All names and imports of one module."""
        scopes = self.scopes[module.name]
        replaced = {}  # (id of the scope, alias, attribute) -> text
        for scope in {id(s): s for _, _, s in scopes.uses}.values():
            self._imports(module, scope, replaced)
        self._imports(module, scopes.top, replaced)
        tokens = None
        owners = {id(n.value): n for n in module.nodes if isinstance(n, ast.Attribute)}
        for name, node, scope in scopes.uses:
            home = scope.home(name)
            text = self._text(module, home, name)
            if isinstance(node, ast.Name):
                owner = owners.get(id(node))
                key = (id(home), name, owner.attr if owner is not None else None)
                if key in replaced:
                    module.replace(owner, replaced[key])
                elif text and text != name:
                    module.replace(node, text)
            elif text and text != name and isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                tokens = tokens or list(module.tokens())
                begin = module.span(node)[0]
                at, end, _ = next(t for t in tokens if t[0] >= begin and t[2] == name)
                module.edit(at, end, text)
        if module.linked and any(isinstance(n, ast.Global) for n in module.nodes):
            raise ReleaseError(f"{module.name}: `global` in a module that is linked")

    def _text(self, module, home, name):
        """What stands for a name whose home is that scope, or None: it stays."""
        origin = self._bound_to(module, home, name)
        if origin is None:
            if home.kind == "module" and name in home.names and module.linked:
                return self.final[module.name, name]
            return None
        if not module.linked:
            return None
        if origin[0] == "object" and self._package(origin[1]) == module.linked:
            return self.final[origin[1:]]
        if home.kind == "module":
            return self.outside.get((module.linked, name, origin))
        return None

    def _imports(self, module, scope, replaced):
        """The import statements that bind names of one scope, and what is asked of modules."""
        statements = {}
        for nodes in scope.names.values():
            for node in nodes:
                if isinstance(node, ast.ImportFrom):
                    statements[id(node)] = node
        for node in statements.values():
            if not module.is_changed(module.span(node)[0]):
                self._import(module, scope, node, replaced)

    def _import(self, module, scope, node, replaced):
        rows = []  # (module, name, alias)
        for alias in node.names:
            name = alias.asname or alias.name
            origin = self._bound_to(module, scope, name) or self.origin(node.module, alias.name)
            package = None if origin[0] == "outside" else self._package(origin[1])
            own = self.origin(node.module, alias.name)
            if own != origin and (package or (own[0] != "outside" and self._package(own[1]))):
                raise ReleaseError(f"{module.name}: {name} is imported from several places")
            if package is None:
                here = self._text(module, scope, name) or name
                rows.append((node.module, alias.name, here))
            elif origin[0] == "object":
                if package != module.linked:
                    here = self._text(module, scope, name) or name
                    rows.append((package, self.final[origin[1:]], here))
            else:
                rows += self._asked(module, scope, name, origin[1], replaced)
        text = "; ".join(
            f"from {source} import {name}" + (f" as {here}" if here != name else "")
            for source, name, here in rows
        )
        same = [(node.module, a.name, a.asname or a.name) for a in node.names]
        if rows != same:
            module.replace(node, text or ("pass" if node.col_offset else ""))

    def _asked(self, module, scope, alias, linked, replaced):
        """Rows for what is asked of a linked module by an alias."""
        for attribute in self.asked.get((module.name, scope, alias), ()):
            origin = self.origin(linked, attribute)
            if origin[0] != "object":
                raise ReleaseError(f"{module.name}: {alias}.{attribute} is none of {linked}'s own")
            package = self._package(origin[1])
            final = self.final.get(origin[1:], attribute)
            here = final
            if package != module.linked or package is None:
                is_used = any(text == final for _, _, text in module.tokens())
                here = f"_x_{final}" if is_used or module.linked else final
                yield package or origin[1], final, here
            replaced[id(scope), alias, attribute] = here


def _is_builtin(module, name):
    """`int = int`: a built-in name that is found faster in the module. All of the package may have
    it; any other meaning would be theirs, too, and is refused."""
    if name not in dir(builtins):
        return False
    for node in module.tree.body:
        if bound(node) == name and isinstance(node.value, ast.Name) and node.value.id == name:
            return True
    raise ReleaseError(f"{module.name}: {name} is a built-in name")


def _at_import(body):
    """All statements that run when a module is imported, outside functions and classes."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody", "handlers"):
            if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                yield from _at_import(getattr(node, field, ()))
