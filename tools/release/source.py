"""One module's source while a release is made of it: its tree, its names by scope, its changes."""

import ast
import builtins
import io
import tokenize

from tools.release import ReleaseError

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def bound(node):
    """The name that an assignment binds, or None where it is none, or binds several."""
    if not isinstance(node, ast.Assign) or len(node.targets) > 1:
        return None
    target = node.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def is_private(name):
    return name[0] == "_" and name[1:2] not in ("_", "")


class Module:
    """`edits`: (begin, end, text) by place in `source`, which is bytes of UTF-8."""

    def __init__(self, name, source):
        self.name = name
        self.source = source
        self.tree = ast.parse(source)
        self.edits = []
        self.names = {}  # short -> what it stood for
        self.linked = None  # the package that it becomes a part of
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.nodes = list(ast.walk(self.tree))
        self.strings = {n.value for n in self.nodes if isinstance(n, ast.Constant)
                        and isinstance(n.value, str)}  # fmt: skip
        self.stored = {}  # name -> how often something is bound to it, in any scope
        self.modules = {}  # name -> the agent's module that may be bound to it
        self.imported = {}  # name -> (module, name there)
        for node in self.nodes:
            self._note(node)

    def drop_slots(self):
        """`__slots__` does nothing under MicroPython."""
        for node in list(self.nodes):
            if bound(node) == "__slots__":
                self.replace(node, "pass")
                inside = set(ast.walk(node))
                self.nodes = [n for n in self.nodes if n not in inside]

    def _note(self, node):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            self._count(node.id)
        elif isinstance(node, ast.arg):
            self._count(node.arg)
        elif isinstance(node, _NAMED) and node.name:
            self._count(node.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                self._count((alias.asname or alias.name).split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name
                self.modules[name] = f"{node.module}.{alias.name}"
                origin = (node.module, alias.name)
                if self.imported.setdefault(name, origin) != origin:
                    self._count(name)

    def _count(self, name):
        self.stored[name] = self.stored.get(name, 0) + 1

    def place(self, line, column):
        return self._starts[line - 1] + column

    def span(self, node):
        return (
            self.place(node.lineno, node.col_offset),
            self.place(node.end_lineno, node.end_col_offset),
        )

    def edit(self, begin, end, text):
        self.edits.append((begin, end, text))

    def replace(self, node, text):
        """Puts a text into a node's place; a text of one line, and as many lines as before."""
        begin, end = self.span(node)
        self.edit(begin, end, text + "\n" * self.source.count(b"\n", begin, end))

    def tokens(self):
        """(begin, end, text) of all names."""
        lines = io.BytesIO(self.source).readline
        for token in tokenize.tokenize(lines):
            if token.type == tokenize.NAME:
                column = len(token.line[: token.start[1]].encode())
                begin = self.place(token.start[0], column)
                yield begin, begin + len(token.string.encode()), token.string

    def text(self):
        out, at = [], 0
        for begin, end, text in sorted(self.edits):
            if begin < at:
                raise ReleaseError(f"{self.name}: two changes of one place")
            out += [self.source[at:begin], text.encode()]
            at = end
        return b"".join([*out, self.source[at:]])

    def is_changed(self, begin):
        return any(b <= begin < e for b, e, _ in self.edits)


def errors(modules):
    """Names of all exceptions that the modules define: a fault is told by its class's name."""
    found = {name for name in dir(builtins) if name.endswith(("Error", "Exception"))}
    classes = [n for module in modules for n in module.nodes if isinstance(n, ast.ClassDef)]
    while True:
        more = set()
        for node in classes:
            bases = {getattr(b, "attr", None) or getattr(b, "id", None) for b in node.bases}
            if bases & found and node.name not in found:
                more.add(node.name)
        if not more:
            return found
        found |= more


class Scope:
    """`kind`: module, class, function (also a comprehension's). `names`: name -> the nodes that
    bind it here."""

    def __init__(self, kind, above):
        self.kind = kind
        self.above = above
        self.names = {}
        self.outer = set()  # declared global

    def home(self, name):
        """The scope that a name used here belongs to; builtins: the module's."""
        scope = self
        while scope.above is not None:
            is_seen = scope is self or scope.kind != "class"
            if is_seen and name in scope.names and name not in scope.outer:
                return scope
            if is_seen and name in scope.outer:
                while scope.above is not None:
                    scope = scope.above
                return scope
            scope = scope.above
        return scope


class Scopes(ast.NodeVisitor):
    """`uses`: (name, node, scope it stands in) of each use and each binding of a name."""

    def __init__(self, tree):
        self.uses = []
        self.top = self._scope = Scope("module", None)
        for node in tree.body:
            self.visit(node)

    def _bind(self, name, node, scope=None):
        scope = scope or self._scope
        scope.names.setdefault(name, []).append(node)
        self.uses.append((name, node, scope))

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.uses.append((node.id, node, self._scope))
        else:
            self._bind(node.id, node)

    def visit_Global(self, node):
        self._scope.outer.update(node.names)

    def visit_ExceptHandler(self, node):
        if node.name:
            self._bind(node.name, node)
        self.generic_visit(node)

    def _import(self, node):
        for alias in node.names:
            self._bind((alias.asname or alias.name).split(".")[0], node)

    visit_Import = visit_ImportFrom = _import

    def _function(self, node):
        arguments = node.args
        for child in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
            self.visit(child)
        if not isinstance(node, ast.Lambda):
            for child in node.decorator_list:
                self.visit(child)
            self._bind(node.name, node)
        self._scope = Scope("function", self._scope)
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in [*named, arguments.vararg, arguments.kwarg]:
            if argument is not None:
                self._bind(argument.arg, argument)
        for child in [node.body] if isinstance(node, ast.Lambda) else node.body:
            self.visit(child)
        self._scope = self._scope.above

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_ClassDef(self, node):
        for child in (*node.bases, *node.keywords, *node.decorator_list):
            self.visit(child)
        self._bind(node.name, node)
        self._scope = Scope("class", self._scope)
        for child in node.body:
            self.visit(child)
        self._scope = self._scope.above

    def _comprehension(self, node):
        self.visit(node.generators[0].iter)
        self._scope = Scope("function", self._scope)
        for i, generator in enumerate(node.generators):
            if i:
                self.visit(generator.iter)
            for child in (generator.target, *generator.ifs):
                self.visit(child)
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self._scope = self._scope.above

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension
