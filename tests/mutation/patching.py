"""Put a mutant into a process that has imported the module already, without importing it again.

A function keeps its identity and gets the code of the mutant, wherever it is held. A changed constant replaces the
old one in every module that imported it. What cannot be exchanged so is left to a fresh import.
"""

import gc
import sys
from collections.abc import Collection, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from re import Pattern
from types import CodeType, FunctionType, ModuleType
from typing import Any

Key = tuple[str, int, str]
PLAIN = (
    bool, int, float, str, bytes, tuple, frozenset, set, list, dict,
    Decimal, Fraction, Pattern, date, time, timedelta,
)  # fmt: skip


class NotPatched(Exception):
    """The mutant needs a fresh import."""


class NotImported(Exception):
    """The faulty module cannot be imported at all: every test notices that."""


def live_functions(file: str) -> dict[Key, list[FunctionType]]:
    """Return every function made from a file, closures included, by the place of its code."""
    found: dict[Key, list[FunctionType]] = {}
    gc.unfreeze()  # the collector lists nothing that is frozen
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename == file:
            found.setdefault(_key(each.__code__), []).append(each)
    gc.freeze()  # a collection would copy the memory that forks share
    return found


def patch_code(functions: dict[Key, list[FunctionType]], mutated: CodeType) -> None:
    """Give the functions the code of the mutant. Raises NotPatched if none changes."""
    changed = 0
    for code in _codes(mutated):
        for function in functions.get(_key(code), ()):
            if function.__code__ == code:
                continue
            try:
                function.__code__ = code
            except ValueError:  # another number of variables from the scope around it
                raise NotPatched from None
            changed += 1
    if not changed:
        raise NotPatched


def runs_apart(module: ModuleType, code: CodeType) -> bool:
    """Return True if the module can be run a second time beside itself; one that registers something cannot."""
    try:
        exec(code, _apart(module))  # noqa: S102
    except Exception:
        return False
    return True


def patch_constants(module: ModuleType, mutated: CodeType) -> None:
    """Run the mutated module beside itself and take its changed constants over.

    Only for a module that `runs_apart`. Raises NotPatched if no constant can be taken over, NotImported if the
    mutated module fails.
    """
    apart = _apart(module)
    try:
        exec(mutated, apart)  # noqa: S102
    except Exception:
        raise NotImported from None
    changed = 0
    for name, old in list(vars(module).items()):
        new = apart.get(name)
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            changed += _take_defaults(old, new)
        elif isinstance(old, PLAIN) and not name.startswith("__") and not _alike(old, new):
            if _holds_own(old, module.__name__):
                raise NotPatched
            changed += _replace(name, old, new)
        elif _is_changed_instance(old, new):
            vars(old).update(vars(new))
            changed += 1
    if not changed:
        raise NotPatched


def forget_results(files: Collection[str]) -> None:
    """Empty the caches of these files: the next test computes anew.

    They are functions of functools with a cache, and dictionaries with a small name (a constant has a capital one).
    """
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) in files:
            for name, each in vars(module).items():
                if callable(clear := getattr(each, "cache_clear", None)):
                    clear()
                elif type(each) is dict and name.islower() and not name.startswith("__"):
                    each.clear()


def _apart(module: ModuleType) -> dict[str, Any]:
    return {"__name__": module.__name__, "__file__": module.__file__}


def _take_defaults(old: FunctionType, new: FunctionType) -> bool:
    mine, theirs = (old.__defaults__, old.__kwdefaults__), (new.__defaults__, new.__kwdefaults__)
    old.__defaults__, old.__kwdefaults__ = theirs  # type: ignore[assignment]
    return mine != theirs


def _alike(old: Any, new: Any) -> bool:
    """Return True for equal constants; a function or a class of the module is like the one made beside it."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return _alike(list(old), list(new)) and _alike(list(old.values()), list(new.values()))
    if isinstance(old, tuple | list):
        return len(old) == len(new) and all(map(_alike, old, new))
    if isinstance(old, FunctionType):
        return bool(old.__code__ == new.__code__)
    return bool(old.__qualname__ == new.__qualname__ if isinstance(old, type) else old == new)


def _holds_own(constant: Any, module: str) -> bool:
    """Return True if a constant holds functions or classes of its module: those made beside it are others."""
    if isinstance(constant, dict):
        return _holds_own([*constant, *constant.values()], module)
    if isinstance(constant, tuple | list | set | frozenset):
        return any(_holds_own(each, module) for each in constant)
    return isinstance(constant, FunctionType | type) and constant.__module__ == module


def _is_changed_instance(old: Any, new: Any) -> bool:
    """Return True for the instance of a class of another module (a table of points) whose attributes differ."""
    same = type(old) is type(new) and not isinstance(old, type | ModuleType) and hasattr(old, "__dict__")
    return same and vars(old) != vars(new)


def _replace(name: str, old: Any, new: Any) -> int:
    held = [each for each in list(sys.modules.values()) if getattr(each, "__dict__", {}).get(name) is old]
    for module in held:
        setattr(module, name, new)
    return len(held)


def _key(code: CodeType) -> Key:
    return code.co_qualname, code.co_firstlineno, code.co_name


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)
