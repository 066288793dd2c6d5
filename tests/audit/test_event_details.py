"""Every detail that the code records of an access event is shown under a label, not under its key (AUD-08)."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from audit.events import DETAIL_WORDS
from tests.support.project.syntax import nodes, tree

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "audit", "accounts", "trials", "patients", "dosing", "safety", "outcomes", "reports", "exports",
    "operation", "demo", "config",
)  # fmt: skip
RECORDING = {"record", "record_outside_transaction"}
# What leaves the system is told when it is described, and when its sending is recorded or has ended.
DESCRIBING, SENDING = {"Sending"}, {"record", "ended"}
NOT_TOLD = {"detail", "kind", "user", "trial_id", "patient_id", "request", "see"}
# Kept for those who count, never shown: the codes beside them are.
UNSHOWN = {"patient_keys"}


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of every module. Not made when the tests are collected, which every process does."""
    return {
        path: tree(path)
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts
    }


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def functions(module: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in nodes(module) if isinstance(node, ast.FunctionDef)]


def calls(function: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    yield from (node for node in nodes(function) if isinstance(node, ast.Call) and called(node) in names)


def details_given(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield what the calls in a function that record an event give as `detail`, also among the arguments in a dict.

    So does what a sending is described with (`told`), and what is told besides when it is recorded or has ended.
    """
    for call in calls(function, RECORDING):
        yield from (keyword.value for keyword in call.keywords if keyword.arg == "detail")
    for call in calls(function, DESCRIBING):
        yield from (keyword.value for keyword in call.keywords if keyword.arg in ("told", "counts"))
    for call in calls(function, SENDING):
        told = [each for each in call.keywords if each.arg not in NOT_TOLD]
        yield from (each.value for each in told if each.arg is None)
        yield ast.Dict(
            [ast.Constant(each.arg) for each in told if each.arg], [each.value for each in told if each.arg]
        )
    for node in nodes(function):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (
                value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "detail"
            )


def imports(caller: ast.Module, module: ast.Module, name: str) -> bool:
    """Return whether a module imports another one, or the function `name` of it."""
    (path,) = (each for each, other in trees().items() if other is module)
    package, _dot, last = ".".join(path.relative_to(ROOT).with_suffix("").parts).rpartition(".")
    return any(
        (node.module == f"{package}.{last}" and name in {each.name for each in node.names})
        or (node.module == package and last in {each.name for each in node.names})
        for node in nodes(caller)
        if isinstance(node, ast.ImportFrom)
    )


def keys_in(given: ast.expr, function: ast.FunctionDef, module: ast.Module) -> set[str]:
    """Return the keys of the dicts in an expression of a function, and of the dicts that its names hold."""
    parts = nodes(given)
    keys = [key for node in parts if isinstance(node, ast.Dict) for key in node.keys]
    names = {node.id for node in parts if isinstance(node, ast.Name)}
    held = (keys_held_by(name, function, module) for name in names)
    told = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return told.union(
        *held, *(keys_returned_by(called(part), module) for part in parts if isinstance(part, ast.Call))
    )


def keys_returned_by(name: str, module: ast.Module) -> set[str]:
    """Return the keys of the dicts that a function of the module returns."""
    return {
        key
        for function in functions(module)
        if function.name == name
        for node in nodes(function)
        if isinstance(node, ast.Return) and node.value is not None
        for key in keys_in(node.value, function, module)
    }


def keys_held_by(name: str, function: ast.FunctionDef, module: ast.Module) -> set[str]:
    """Return the keys of the dicts that a function assigns to a name, adds to it, or gets as this parameter."""
    found = set(_from_callers(name, function, module))
    for node in nodes(function):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in (
            targets if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value else ()
        ):
            if (
                isinstance(target, ast.Name)
                and target.id == name
                and isinstance(node.value, ast.Dict | ast.IfExp)
            ):
                found |= keys_in(node.value, function, module)
            if isinstance(target, ast.Subscript) and ast.unparse(target.value) == name:
                found |= {str(target.slice.value)} if isinstance(target.slice, ast.Constant) else set()
    return found


def _from_callers(name: str, function: ast.FunctionDef, module: ast.Module) -> Iterator[str]:
    """Yield the keys that callers give as a parameter: in the module as a dict, anywhere as further keywords."""
    parameters = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
    if name in parameters:
        for caller in functions(module):
            for call in calls(caller, {function.name}):
                told = {
                    **dict(zip(parameters, call.args, strict=False)),
                    **{k.arg: k.value for k in call.keywords},
                }
                yield from keys_in(told[name], caller, module) if name in told else ()
    # What is given to a method is read where it is called.
    if function.args.kwarg and function.args.kwarg.arg == name and parameters[:1] != ["self"]:
        given = (
            call.keywords
            for each in trees().values()
            if each is module or imports(each, module, function.name)
            for call in calls(each, {function.name})
        )
        yield from {word.arg for words in given for word in words if word.arg} - set(parameters)


@cache
def recorded() -> dict[str, set[str]]:
    """Return the keys of details that each module records."""
    found = {
        str(path.relative_to(ROOT)): {
            key
            for function in functions(module)
            for given in details_given(function)
            for key in keys_in(given, function, module)
        }
        for path, module in trees().items()
    }
    return {path: keys for path, keys in found.items() if keys}


def test_every_detail_that_is_recorded_has_words():
    assert {
        path: unnamed
        for path, keys in recorded().items()
        if (unnamed := keys - DETAIL_WORDS.keys() - UNSHOWN)
    } == {}


def test_no_words_are_left_over():
    """Earlier versions recorded no other details."""
    assert DETAIL_WORDS.keys() - set().union(*recorded().values()) == set()


def test_every_way_of_giving_details_is_read():
    found = recorded()
    assert found["audit/events.py"] >= {"version", "idle seconds", "seal file"}
    assert found["audit/middleware.py"] == {"method", "path", "message"}
    assert found["accounts/sign_in/sign_in_record.py"] == {"with", "limit", "factor", "change"}
    assert found["patients/views/files.py"] == {"file", "form", "item", "sha256"}
    assert found["audit/export_register.py"] >= {"channel", "purpose", "treatment", "stage", "started_as"}
    assert found["exports/exporting.py"] == {
        "format", "files", "selection", "document", "sha256", "size", "rows", "damaged", "started_as",
    }  # fmt: skip
    assert found["exports/documents.py"] == {
        "format", "pack", "as_of", "interval", "sha256", "size", "data_sha256", "cancelled_by",
    }  # fmt: skip
    assert found["reports/audit_trail/views.py"] >= {"listing", "filters", "entries"}
