"""The names that an expression reads, from its tree: the one answer to that question (DAT-04)."""

from collections.abc import Iterator

from protocol.expressions.functions import AT_VISIT, HISTORY
from protocol.expressions.syntax import Call, Macro, Name, Node, children, walk
from protocol.expressions.types import history_target


def history_paths(tree: Node, function: str) -> Iterator[str]:
    """Yield the items that `function` (`previous`, `last`, `here` …) is asked of."""
    for node in walk(tree):
        if isinstance(node, Call) and node.function == function:
            yield history_target(node).path


def paths(node: Node, rows: frozenset[str] = frozenset(), *, at_visit: bool = True) -> Iterator[str]:
    """Yield the names read from the present: not those of the past, not the cells of the rows named in `rows`.

    at_visit: also those that are read from the same visit only.
    """
    match node:
        case Name(path=path) if path.partition(".")[0] not in rows:
            yield path
        case Call(function=function) if function in AT_VISIT and at_visit:
            yield history_target(node).path
        case Call(function=function) if function in HISTORY:
            return
        case Macro(target=target, body=body, variable=variable):
            yield from paths(target, rows, at_visit=at_visit)
            yield from paths(body, rows | {variable}, at_visit=at_visit)
        case _:
            for child in children(node):
                yield from paths(child, rows, at_visit=at_visit)
