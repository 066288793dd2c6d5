"""Checks of the expressions of a protocol: mistakes, and cycles among calculations, definitions and conditions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.checking.shape import Problem, written_items
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.compiled import check_expression
from protocol.expressions.kinds import LOGIC, TEXT, ItemKind
from protocol.expressions.names import kind_of_item, kinds_of_items, names_everywhere
from protocol.expressions.outcome_names import event_names, outcome_names
from protocol.expressions.outcomes import kind_of_endpoint, outcomes_of
from protocol.expressions.references import paths
from protocol.expressions.rules import rules_of
from protocol.expressions.scope import Scope
from protocol.expressions.stopping_rules import names_at_bedside
from protocol.expressions.syntax import ExpressionError, Name, parse, walk
from protocol.expressions.types import Names
from protocol.simulation.answers import sample_values


@dataclass(frozen=True, slots=True)
class StatedExpression:
    """An expression and its key in the file, the names it may use, and the kind of value it must return."""

    path: str
    source: str
    names: Names
    gives: ItemKind | None = LOGIC


def expression_problems(protocol: Protocol, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes in each expression and the cycles among them.

    An expression that reads an item of the wrong shape is skipped: the item itself is reported already.
    """
    written = written_items(raw)
    # An item that lost a key has another kind than its author meant.
    whole = {
        path
        for form in protocol.forms.values()
        for item in form.items
        if set(written.get(path := f"{form.code}.{item.name}", ())) <= item.model_fields_set
    }
    set_aside = frozenset(written) - whole
    stated = list(_stated(protocol, _codes_set_aside(protocol, raw)))
    found = [problem for each in stated for problem in _mistakes(each, set_aside)]
    return found + list(_circles(protocol))


def trial_run(protocol: Protocol) -> list[Problem]:
    """Evaluate every expression once on invented values of the declared types, and once without values.

    Finds what the check of kinds cannot know (what CEL itself refuses) at loading, before a user saves a form.
    """
    found: list[Problem] = []
    records: dict[str, Mapping[str, Any]] = {}
    for code, form in protocol.forms.items():
        try:
            records[code] = sample_values(form, protocol, records)
            rules = rules_of(protocol).form(code)
            rules.fired(Scope(records[code], records, form=code, same=records))
            rules.fired(Scope())
        except (ExpressionError, TypeError, ValueError) as error:
            found.append(Problem(f"forms.{code}", f"an expression cannot be evaluated: {error}"))
    for scope in (Scope(other_forms=records), Scope()):
        try:
            rules_of(protocol).eligibility.criteria(scope)
            rules_of(protocol).eligibility.group(scope)
        except (ExpressionError, TypeError, ValueError) as error:
            found.append(Problem("eligibility", f"an expression cannot be evaluated: {error}"))
    for each in outcomes_of(protocol).readings:
        try:
            for scope in (Scope(other_forms=records), Scope()):
                each.expression.evaluate(scope)
        except (ExpressionError, TypeError, ValueError) as error:
            path = f"outcomes.{each.outcome.id}.readings.{each.reading.code}"
            found.append(Problem(path, f"an expression cannot be evaluated: {error}"))
    return found or list(_answered_unsafely(protocol))


def _answered_unsafely(protocol: Protocol) -> Iterator[Problem]:
    """Yield groups that one button answers although each answer decides: criteria, and what happens at an infusion."""
    criteria = rules_of(protocol).eligibility.references
    at_infusions = {entry.form for visit in protocol.visits if visit.infusion for entry in visit.forms}
    for form in protocol.forms.values():
        for number, group in enumerate(form.groups, start=1):
            path = f"forms.{form.code}.groups.{number}.all_no"
            read = [item.name for item in group.items if f"{form.code}.{item.name}" in criteria]
            if group.all_no and read:
                yield Problem(path, f"a criterion of eligibility reads {read[0]}: each is answered by itself")
            elif group.all_no and form.code in at_infusions:
                yield Problem(path, "is asked at an infusion: each item is answered by itself")


def _codes_set_aside(protocol: Protocol, raw: Mapping[str, Any]) -> Names:
    """Return names whose codes are unknown, because an element of their table has the wrong shape."""
    tables = {
        "visit.code": ("visits", len(protocol.visits)),
        "subject.group": ("groups", len(protocol.groups)),
    }
    written = {name: raw.get(table) for name, (table, _count) in tables.items()}
    return {
        name: TEXT
        for name, rows in written.items()
        if isinstance(rows, list) and len(rows) != tables[name][1]
    }


def _stated(protocol: Protocol, unknown: Names) -> Iterator[StatedExpression]:
    names = {**names_everywhere(protocol), **unknown}
    for name, source in protocol.definitions.items():
        yield StatedExpression(f"definitions.{name}", source, names, gives=None)
    for group in protocol.groups:
        yield StatedExpression(f"groups.{group.code}.member", group.member, names)
    for criterion in protocol.eligibility:
        key = "met" if criterion.kind == "inclusion" else "present"
        yield StatedExpression(f"eligibility.{criterion.id}.{key}", criterion.expression, names)
    if protocol.donors is not None:
        of_donor = kinds_of_items(protocol.donors.items)
        for criterion in protocol.donors.criteria:
            key = "met" if criterion.kind == "inclusion" else "present"
            yield StatedExpression(f"donors.{criterion.id}.{key}", criterion.expression, of_donor)
    at_bedside = names_at_bedside(protocol.bedside)
    for rule in protocol.bedside.stopping_rules:
        yield StatedExpression(f"bedside.stopping_rules.{rule.code}.met", rule.met, at_bedside)
    yield from _of_outcomes(protocol, unknown)
    for form in protocol.forms.values():
        yield from _in_form(form, {**names, **kinds_of_items(form.items)})


def _of_outcomes(protocol: Protocol, unknown: Names) -> Iterator[StatedExpression]:
    names, of_events = ({**known(protocol), **unknown} for known in (outcome_names, event_names))
    for code, population in protocol.populations.items():
        yield StatedExpression(f"populations.{code}.member", population.member, names)
    for outcome in protocol.outcomes:
        for reading in outcome.readings:
            path = f"outcomes.{outcome.id}.readings.{reading.code}"
            if reading.event:
                yield StatedExpression(f"{path}.event", reading.event, of_events)
            elif reading.endpoint:
                yield StatedExpression(f"{path}.endpoint", reading.endpoint, names, kind_of_endpoint(reading))


def _in_form(form: Form, names: Names) -> Iterator[StatedExpression]:
    path = f"forms.{form.code}"
    for item in form.items:
        yield from _of_item(f"{path}.{item.name}", item, names)
        for column in item.columns:
            inside = {**names, **kinds_of_items(item.columns)}
            yield from _of_item(f"{path}.{item.name}.columns.{column.name}", column, inside)
    for check in form.checks:
        yield StatedExpression(f"{path}.checks.{check.id}.violated", check.violated, names)


def _of_item(path: str, item: Item, names: Names) -> Iterator[StatedExpression]:
    if item.shown_when:
        yield StatedExpression(f"{path}.shown_when", item.shown_when, names)
    if item.required_when:
        yield StatedExpression(f"{path}.required_when", item.required_when, names)
    if item.calculate:
        yield StatedExpression(f"{path}.calculate", item.calculate, names, gives=kind_of_item(item))


def _mistakes(stated: StatedExpression, set_aside: frozenset[str]) -> Iterator[Problem]:
    try:
        check_expression(stated.source, stated.names, stated.gives)
    except ExpressionError as error:
        if not _is_about(stated, set_aside):
            yield Problem(stated.path, str(error))


def _is_about(stated: StatedExpression, set_aside: frozenset[str]) -> bool:
    """Return True if the expression reads an item that was removed because of its shape."""
    try:
        read = {node.path for node in walk(parse(stated.source)) if isinstance(node, Name)}
    except ExpressionError:
        return False
    form = stated.path.split(".")[1] if stated.path.startswith("forms.") else ""
    return any(name in set_aside or f"{form}.{name}" in set_aside for name in read)


def _circles(protocol: Protocol) -> Iterator[Problem]:
    definitions = {f"definition.{name}": source for name, source in protocol.definitions.items()}
    yield from _cycles(definitions, "definitions.{}", lambda path: path.removeprefix("definition."))
    for key in ("calculate", "shown_when"):
        sources: dict[str, str] = {}
        for form in protocol.forms.values():
            for item in form.items:
                if source := getattr(item, key):
                    sources[f"{form.code}.{item.name}"] = source
        yield from _cycles(sources, f"forms.{{}}.{key}", str)


def _cycles(sources: Mapping[str, str], path: str, shown: Callable[[str], str]) -> Iterator[Problem]:
    """Yield one problem for each cycle of expressions that read each other."""
    reads = {name: _reads(name, source, sources) for name, source in sources.items()}
    reported: set[str] = set()
    for start in reads:
        circle = _cycle(start, reads)
        if circle and not reported & set(circle):
            reported |= set(circle)
            way = " → ".join(shown(name) for name in (*circle, start))
            yield Problem(path.format(shown(start)), f"refers to itself: {way}")


def _reads(name: str, source: str, sources: Mapping[str, str]) -> list[str]:
    form = name.partition(".")[0]
    try:
        used = list(paths(parse(source)))
    except ExpressionError:
        return []
    full = [path if "." in path else f"{form}.{path}" for path in used]
    return [path for path in dict.fromkeys(full) if path in sources]


def _cycle(start: str, reads: Mapping[str, list[str]]) -> list[str]:
    """Return the names on a way from ``start`` back to itself; empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for name in reads[way[-1]]:
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
