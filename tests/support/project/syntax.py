"""The syntax trees of the project's modules, each parsed once in a process: several tests read all of them."""

import ast
from functools import cache
from pathlib import Path


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module. No test changes it."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def nodes(within: ast.AST) -> tuple[ast.AST, ...]:
    """Return every node of a tree, as `ast.walk` yields them."""
    return tuple(ast.walk(within))
