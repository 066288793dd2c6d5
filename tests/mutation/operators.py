"""The faults that are made at one node of a syntax tree: each a replacement of the node."""

import ast
import re
from collections.abc import Iterator
from decimal import Decimal

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "filter": "exclude", "exclude": "filter",
    "first": "last", "last": "first", "startswith": "endswith", "endswith": "startswith",
}  # fmt: skip
UNWRAPPED = {"abs", "reversed", "sorted"}
# Arguments that such a call can do without: dropping one is a fault, not a TypeError.
DROPPABLE = {
    "filter",
    "exclude",
    "update",
    "replace",
    "timedelta",
    "sorted",
    "min",
    "max",
    "get",
    "astimezone",
}
# A code has a letter or a digit, and no space as texts have.
CODE = re.compile(r"\w")
NUMERIC = re.compile(r"-?\d+(\.\d+)?")


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every faulty replacement of a node."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BinOp():
            yield from _computed(node)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
            for at in range(len(values)):
                left = values[:at] + values[at + 1 :]
                yield left[0] if len(left) == 1 else ast.BoolOp(op, left)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from (ast.Constant(each) for each in _constants(value))
        case ast.Call():
            yield from _called(node)
        case ast.Slice(lower=lower, upper=upper):
            if lower is not None:
                yield ast.Slice(None, upper, node.step)
            if upper is not None:
                yield ast.Slice(lower, None, node.step)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.stmt():
            yield from _statement(node)


def condition_values(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the constants that make the condition of a statement or a comprehension always or never hold."""
    # Not True for a loop: it would only ever time out.
    for value in (False,) if isinstance(node, ast.While) else (True, False):
        yield ast.Constant(value)


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for at, op in enumerate(node.ops):
        for other in COMPARISONS[type(op)]:
            yield ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)


def _computed(node: ast.BinOp) -> Iterator[ast.AST]:
    if any(_is_text(side) for side in (node.left, node.right)) or _is_union(node):
        return
    if other := ARITHMETIC.get(type(node.op)):
        yield ast.BinOp(node.left, other(), node.right)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_union(node: ast.BinOp) -> bool:
    """Return True for a union of types (`Decimal | None`), which computes nothing."""
    return isinstance(node.op, ast.BitOr) and ast.unparse(node.right).rpartition(".")[2][:1].isupper()


def _constants(value: object) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            yield value - 1
        case float():
            yield from (float(each) for each in _next_to(str(value)))
        case str() if NUMERIC.fullmatch(value):
            yield from _next_to(value)
        case str() if CODE.search(value) and " " not in value:
            yield f"{value}_"
        case str() if not value:
            yield "_"


def _next_to(text: str) -> Iterator[str]:
    """Yield the decimals whose last digit is one higher and one lower."""
    number = Decimal(text)
    step = Decimal((0, (1,), int(number.as_tuple().exponent)))
    yield str(number + step)
    yield str(number - step)


def _called(node: ast.Call) -> Iterator[ast.AST]:
    func, arguments = node.func, node.args
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    if other := CALLED.get(name):
        renamed = ast.Name(other, ast.Load()) if isinstance(func, ast.Name) else None
        if isinstance(func, ast.Attribute):
            renamed = ast.Attribute(func.value, other, ast.Load())
        yield ast.Call(renamed, arguments, node.keywords)
    if name in UNWRAPPED and isinstance(func, ast.Name) and len(arguments) == 1:
        yield arguments[0]
    if name == "sorted" and not any(each.arg == "reverse" for each in node.keywords):
        yield ast.Call(func, arguments, [*node.keywords, ast.keyword("reverse", ast.Constant(True))])
    if name == "order_by":
        yield from _ordered(node)
    if name in DROPPABLE:
        for at, keyword in enumerate(node.keywords):
            if keyword.arg is not None:
                yield ast.Call(func, arguments, node.keywords[:at] + node.keywords[at + 1 :])


def _ordered(node: ast.Call) -> Iterator[ast.AST]:
    for at, argument in enumerate(node.args):
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            turned = argument.value[1:] if argument.value[:1] == "-" else f"-{argument.value}"
            yield ast.Call(
                node.func, [*node.args[:at], ast.Constant(turned), *node.args[at + 1 :]], node.keywords
            )


def _statement(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            # In place of `yield`: an empty one keeps the function a generator.
            empty = ast.Expr(ast.YieldFrom(ast.Tuple([], ast.Load())))
            yield ast.Pass() if isinstance(node.value, ast.Call) else empty
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]) | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
