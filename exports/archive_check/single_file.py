"""The check as one file, which a copy holds: its modules in one, so that it runs without this program."""

import ast
from pathlib import Path
from typing import Final

PACKAGE: Final = "exports.archive_check"
# Each uses names of those before.
MODULES: Final = ("layout", "sealed_rows", "trail_rows", "check")


def single_file() -> bytes:
    """Return the source of `verify.py`: all modules, without what they import of each other."""
    folder = Path(__file__).parent
    sources = [(folder / f"{name}.py").read_text("utf-8") for name in MODULES]
    # The first lines of the file say how it is used.
    usage = ast.get_docstring(ast.parse(sources[-1]), clean=False)
    return "\n\n".join([f'"""{usage}"""', *map(_without_own_imports, sources)]).encode()


def _without_own_imports(source: str) -> str:
    """Return a module without its first sentence and without imports of this package."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        is_own = isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)
        is_text = isinstance(node, ast.Expr) and node.lineno == 1
        if is_own or is_text:
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip() + "\n"
