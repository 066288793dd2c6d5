"""All mutants of a module: where each stands, what it changes, and the name by which it can be excused."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

from tests.mutation.operators import condition_values, replacements

# Functions whose texts are read by people, and whose arguments no rule depends on.
TELLING = {
    "_", "gettext", "gettext_noop", "gettext_lazy", "pgettext", "ngettext", "refused", "ValueError", "TypeError",
    "KeyError", "ValueRefused", "DoseRefused", "ValidationError", "TypeVar",
}  # fmt: skip
TELLING_KEYWORDS = {"verbose_name", "help_text", "encoding"}
# A comparison is turned by its operator already.
NEGATED = (ast.Call, ast.BoolOp, ast.Name, ast.Attribute)
NOTED = "__lines_run__"
OUTSIDE = ("decorator_list", "args")
IN_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Mutant:
    """A module with one fault: its line, that of its statement, and the function or constant that holds it."""

    line: int
    statement: int
    scope: str
    on_import: bool
    before: str
    after: str
    at: "Place" = field(repr=False)
    node: ast.AST = field(repr=False)
    number: int = 1

    @property
    def name(self) -> str:
        """Name without a line number, so that it survives changes elsewhere in the module."""
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.scope or 'module'}: {self.before} -> {self.after}{again}"


@dataclass(frozen=True)
class Place:
    """Where a node hangs in the tree: field of its parent, and index if that field is a list."""

    parent: ast.AST
    field: str
    index: int | None = None

    def put(self, node: ast.AST) -> None:
        """Hang another node here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


class MutantModule:
    """The source of one module and its mutants."""

    def __init__(self, source: str, file: str) -> None:
        self.file = file
        self.tree = ast.parse(source)
        self.mutants = tuple(_numbered(_Finder().found(self.tree)))

    @cached_property
    def original(self) -> CodeType:
        """The compiled module without a fault."""
        return compile(self.tree, self.file, "exec", dont_inherit=True)

    @cached_property
    def noted_lines(self) -> set[int]:
        """Lines of the statements that `noting` notes."""
        return {
            stmt.lineno
            for function in _functions(self.tree)
            for stmt in ast.walk(function)
            if isinstance(stmt, ast.stmt)
        }

    def noting(self) -> CodeType:
        """Return the compiled module whose functions add the line of each statement to a set named NOTED."""
        tree = copy.deepcopy(self.tree)
        inside = {id(each): each for function in _functions(tree) for each in ast.walk(function)}
        for node in inside.values():
            for name, value in ast.iter_fields(node):
                if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                    setattr(node, name, [each for stmt in value for each in (_note(stmt), stmt)])
        return compile(ast.fix_missing_locations(tree), self.file, "exec", dont_inherit=True)

    def code(self, mutant: Mutant) -> CodeType:
        """Return the compiled module with the fault of one mutant."""
        original = _at(mutant.at)
        mutant.at.put(mutant.node)
        try:
            return compile(self.tree, self.file, "exec", dont_inherit=True)  # type: ignore[arg-type]
        finally:
            mutant.at.put(original)


def _functions(tree: ast.AST) -> list[ast.AST]:
    return [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]


def _note(statement: ast.stmt) -> ast.stmt:
    made = ast.parse(f"{NOTED}.add({statement.lineno})").body[0]
    for each in ast.walk(made):
        if isinstance(each, ast.expr | ast.stmt):
            ast.copy_location(each, statement)
    return made


def _at(place: Place) -> ast.AST:
    held = getattr(place.parent, place.field)
    return held if place.index is None else held[place.index]


def _numbered(found: Iterator[Mutant]) -> Iterator[Mutant]:
    """Leave out repeated faults of one node; number those that read alike in one function."""
    names, seen = Counter[str](), set[tuple[int, int, str, str]]()
    for each in found:
        key = (id(each.at.parent), each.at.index or 0, each.at.field, each.after)
        if each.before != each.after and key not in seen:
            seen.add(key)
            names[each.name] += 1
            yield Mutant(**{**vars(each), "number": names[each.name]})


class _Finder:
    """Walks a tree and yields the mutants of every node that computes something."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.functions: list[ast.AST] = []
        self.statement: ast.AST | None = None

    def found(self, tree: ast.AST) -> Iterator[Mutant]:
        for place, node in _children(tree):
            yield from self._of(place, node)

    def _of(self, place: Place, node: ast.AST) -> Iterator[Mutant]:
        if _is_skipped(place, node):
            return
        around = self.statement
        self.statement = node if isinstance(node, ast.stmt) else around
        for other in self._others(place, node):
            yield self._mutant(place, node, other)
        children = list(_children(node))
        # Decorators and defaults belong to the scope around a function: they run when the module is imported.
        outside = [each for each in children if isinstance(node, IN_FUNCTION) and each[0].field in OUTSIDE]
        for inner, child in outside:
            yield from self._of(inner, child)
        with self._entered(node):
            for inner, child in children:
                if (inner, child) not in outside:
                    yield from self._of(inner, child)
        self.statement = around

    @contextmanager
    def _entered(self, node: ast.AST) -> Iterator[None]:
        """Note the function, class or constant whose parts are walked."""
        name = _name(node, in_function=bool(self.functions))
        self.scopes += name
        self.functions += [node] if isinstance(node, IN_FUNCTION) else []
        yield
        del self.scopes[len(self.scopes) - len(name) :]
        if isinstance(node, IN_FUNCTION):
            self.functions.pop()

    def _others(self, place: Place, node: ast.AST) -> Iterator[ast.AST]:
        if place.field in ("test", "ifs", "guard") and not isinstance(place.parent, ast.IfExp | ast.Assert):
            yield from condition_values(place.parent)
        yield from replacements(node)
        if isinstance(node, ast.Return) and self._gives_bool() and isinstance(node.value, NEGATED):
            yield ast.Return(ast.UnaryOp(ast.Not(), node.value))

    def _gives_bool(self) -> bool:
        returns = getattr(self.functions[-1], "returns", None)
        return returns is not None and "bool" in ast.unparse(returns)

    def _mutant(self, place: Place, node: ast.AST, other: ast.AST) -> Mutant:
        owner = node if hasattr(node, "lineno") else place.parent
        ast.copy_location(other, owner)
        ast.fix_missing_locations(other)
        held: Any = owner
        whole: Any = self.statement or owner
        return Mutant(
            line=held.lineno,
            statement=whole.lineno,
            scope=".".join(self.scopes),
            on_import=not self.functions,
            before=_text(node),
            after=_text(other),
            at=place,
            node=other,
        )


def _name(node: ast.AST, *, in_function: bool) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name), *_]) | ast.AnnAssign(target=ast.Name(id=name)):
            return [] if in_function else [name]
    return []


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _children(node: ast.AST) -> Iterator[tuple[Place, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield Place(node, name), value
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield Place(node, name, index), each


def _is_skipped(place: Place, node: ast.AST) -> bool:
    """Return True for what decides nothing: annotations, docstrings, texts for people, decorators, imports."""
    parent = place.parent
    if place.field in ("annotation", "returns", "decorator_list", "exc", "cause", "op", "ops", "ctx"):
        return True
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr) or _is_literal_type(node):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.keyword) and (node.arg in TELLING_KEYWORDS):
        return True
    if isinstance(parent, ast.Call) and place.field in ("args", "keywords"):
        return _called_name(parent) in TELLING
    return isinstance(node, ast.Assign | ast.AnnAssign) and _is_administrative(node)


def _is_literal_type(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")


def _called_name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _is_administrative(node: ast.Assign | ast.AnnAssign) -> bool:
    """Return True for an assignment that only types, names or lists what the module holds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(each, ast.Name) and each.id in {"__all__", "__slots__"} for each in targets)
