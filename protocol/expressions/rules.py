"""Evaluate the expressions of a protocol on captured values: checks, skip logic, calculations.

A `Scope` holds what is known about a subject at one moment. `rules_of(protocol)` (`ProtocolRules`) compiles each
expression once; `FormRules` returns which items of a form are shown and required, what is calculated and which
checks fire. Undetermined never counts as true or false: an item with an undetermined condition is neither shown nor
required, a check does not fire, a calculation stays empty.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from protocol.document.document import Protocol
from protocol.document.items import Check, Form, Item
from protocol.expressions.compiled import (
    LOGIC,
    Expression,
    ItemKind,
    Result,
    Undetermined,
    compile_expression,
)
from protocol.expressions.eligibility import EligibilityRules
from protocol.expressions.names import kind_of_item, kinds_of_items, names_everywhere
from protocol.expressions.scope import Scope, is_answered

HIDDEN = Undetermined()


class ItemRules:
    """Rules of items that are captured together: those of a form, or of one row of a repeating item."""

    def __init__(
        self,
        evaluation: "ProtocolRules",
        items: Sequence[Item],
        names: Mapping[str, ItemKind],
        prefix: str = "",
    ) -> None:
        self.items = items
        self._prefix = prefix
        self._evaluation = evaluation
        self._names = names
        self._shown = self._compiled((item.name, item.shown_when) for item in items)
        self._required = self._compiled((item.name, item.required_when) for item in items)
        self._calculated = self._in_order(
            {item.name: self._calculation(item) for item in items if item.is_calculated}
        )
        # Most items have no condition: only the others are asked about one by one.
        names_of_items = frozenset(item.name for item in items)
        self._always_shown = names_of_items - self._shown.keys()
        self._required_if_shown = frozenset(
            item.name for item in items if item.required and item.name not in self._required
        )

    def _compiled(self, sources: Iterable[tuple[str, str | None]]) -> dict[str, Expression]:
        return {name: self._evaluation.compile(source, self._names) for name, source in sources if source}

    def _calculation(self, item: Item) -> Expression:
        gives, places = kind_of_item(item), item.decimal_places
        return self._evaluation.compile(item.calculate or "", self._names, gives=gives, decimals=places)

    def _in_order(self, calculations: dict[str, Expression]) -> dict[str, Expression]:
        """Return the calculations so that each follows those it uses (the protocol has no cycles)."""
        ordered: dict[str, Expression] = {}

        def place(name: str) -> None:
            for reference in sorted(calculations[name].references):
                used = reference.removeprefix(self._prefix)
                if used in calculations and used not in ordered:
                    place(used)
            ordered[name] = calculations[name]

        for name in calculations:
            if name not in ordered:
                place(name)
        return ordered

    @property
    def expressions(self) -> list[Expression]:
        """All compiled conditions and calculations."""
        return [*self._shown.values(), *self._required.values(), *self._calculated.values()]

    def is_shown(self, name: str, scope: Scope) -> bool:
        """Return True if the item is shown: it has no condition, or its condition is true."""
        condition = self._shown.get(name)
        return condition is None or condition.evaluate(scope) is True

    def is_ruled_out(self, name: str, scope: Scope) -> bool:
        """Return True if the item is certainly not shown: its condition is false, not only undetermined."""
        condition = self._shown.get(name)
        return condition is not None and condition.evaluate(scope) is False

    def ruled_out(self, scope: Scope) -> frozenset[str]:
        """Return the names of the items that are certainly not shown."""
        return frozenset(name for name in self._shown if self.is_ruled_out(name, scope))

    def missing_inputs(self, name: str, scope: Scope) -> tuple[str, ...]:
        """Return the unanswered names that a calculated item needs; empty if it is decided."""
        calculation = self._calculated.get(name)
        answer = calculation.evaluate(scope) if calculation else True
        needs = answer.needs if isinstance(answer, Undetermined) else ()
        return tuple(need for need in needs if not is_answered(scope.get(need)))

    def waits_for(self, name: str, scope: Scope) -> tuple[str, ...]:
        """Return the names that could decide whether the item is shown; empty if that is decided."""
        condition = self._shown.get(name)
        answer = condition.evaluate(scope) if condition else True
        return answer.needs if isinstance(answer, Undetermined) else ()

    def shown(self, scope: Scope) -> frozenset[str]:
        """Return the names of the items that are shown."""
        return self._always_shown | {name for name in self._shown if self.is_shown(name, scope)}

    def required(self, scope: Scope) -> frozenset[str]:
        """Return the items that must have a value or a missing code before the record is complete."""
        asked = self.shown(scope) - self._calculated.keys()
        return (self._required_if_shown & asked) | {
            name for name in self._required.keys() & asked if self._required[name].evaluate(scope) is True
        }

    def calculated(self, scope: Scope) -> dict[str, str]:
        """Return the calculated values that the known values decide, by name, in stored form."""
        values = {name: value for name, value in scope.form_values.items() if name not in self._calculated}
        # Stored results are left out above: a stale one must not enter another calculation.
        working, results = scope.with_values(values), {}
        for name, expression in self._calculated.items():
            result = expression.evaluate(working) if self.is_shown(name, working) else HIDDEN
            if not isinstance(result, Undetermined):
                values[name] = results[name] = stored(result)
        return results

    def read_by(self, name: str) -> dict[str, bool]:
        """Return the names that a calculated item reads, and whether it reads them from the same visit only."""
        expression = self._calculated[name]
        return {path: path in expression.here for path in sorted(expression.references)}

    def entered_inputs(self, name: str) -> set[str]:
        """Return the entered items that a calculated item depends on, directly or through other calculations."""
        found: set[str] = set()
        for reference in self._calculated[name].references:
            used = reference.removeprefix(self._prefix)
            found |= self.entered_inputs(used) if used in self._calculated else {used}
        return found

    def with_calculated(self, scope: Scope) -> dict[str, Any]:
        """Return the values of the form with every calculated item recomputed; undecided ones are left out."""
        entered = {name: value for name, value in scope.form_values.items() if name not in self._calculated}
        return entered | self.calculated(scope)


class FormRules(ItemRules):
    """The compiled rules of one form."""

    def __init__(self, evaluation: "ProtocolRules", form: Form, names: Mapping[str, ItemKind]) -> None:
        super().__init__(evaluation, form.items, names, f"{form.code}.")
        self.form = form
        self.protocol = evaluation.protocol
        self._checks = [(check, evaluation.compile(check.violated, names)) for check in form.checks]
        self._violations = {check.id: violated for check, violated in self._checks}
        self._rows: dict[str, ItemRules] = {}

    def label_of(self, path: str, language: str = "en") -> str:
        """Return the label of ``item``, ``form.item`` or ``here(form.item)``; another form's title precedes it.

        A name that belongs to no form (``subject.group``) is returned unchanged.
        """
        protocol, path = self._evaluation.protocol, path.rpartition("(")[2].removesuffix(")")
        form, dot, item = path.rpartition(".")
        if dot and form not in protocol.forms:
            return path
        if not dot or form == self.form.code:
            return self.form.item(item).label.in_language(language)
        labels = protocol.form(form).title, protocol.item(path).label
        return ": ".join(label.in_language(language) for label in labels)

    def labels(self, paths: Iterable[str]) -> "Labels":
        """The labels of the items, in the language that is asked for later."""
        return Labels(self, tuple(paths))

    @property
    def expressions(self) -> list[Expression]:
        """All compiled conditions, calculations and checks."""
        return [*super().expressions, *(violated for _check, violated in self._checks)]

    def fired(self, scope: Scope) -> list[Check]:
        """Return the checks that the values violate, in the order of the file."""
        return [check for check, violated in self._checks if violated.evaluate(scope) is True]

    def inputs(self, check: Check) -> list[str]:
        """Return the items of this form that a check reads, including the one it is attached to, in form order."""
        violated = self._violated(check)
        # `last(item)` is the answer on this form once there is one.
        read = violated.references | violated.last
        names = {name.removeprefix(self._prefix) for name in read} | {check.on}
        return [item.name for item in self.items if item.name in names]

    def _violated(self, check: Check) -> Expression:
        return self._violations[check.id]

    def row(self, name: str) -> ItemRules:
        """Return the rules of a row of the item ``name``; their scope holds the cells and the form's values."""
        if name not in self._rows:
            columns = self.form.item(name).columns
            names = {**self._names, **kinds_of_items(columns)}
            self._rows[name] = ItemRules(self._evaluation, columns, names)
        return self._rows[name]

    @cached_property
    def references(self) -> frozenset[str]:
        """All names of other forms and of the subject that the rules of the form read."""
        return frozenset(name for each in self.expressions for name in each.references if "." in name)

    @cached_property
    def reads(self) -> frozenset[str]:
        """Forms whose captured values the rules read; includes this form if its earlier records are read."""
        rules: list[ItemRules] = [self, *(self.row(item.name) for item in self.items if item.type == "rows")]
        found: set[str] = set()
        for expression in (each for part in rules for each in part.expressions):
            found |= self._read_in(expression)
        return frozenset(found)

    def _read_in(self, expression: Expression) -> set[str]:
        now = expression.references | expression.previous | expression.last
        found = {_form_of(name) for name in now if "." in name}
        if expression.previous | expression.last:
            found.add(self.form.code)
        return found & self._evaluation.protocol.forms.keys()

    @cached_property
    def readers(self) -> Mapping[str, "Readers"]:
        """By name of another form, of the subject or of the visit: the checks and conditions that read it.

        Earlier records of this form count as another form: `previous(weight)` reads `vitals.weight`. Conditions of
        the columns of a table are left out.
        """
        found: dict[str, Readers] = {}
        for check, violated in self._checks:
            for name, when in self._outside(violated):
                readers = found.setdefault(name, Readers())
                readers.when.add(when)
                readers.checks.setdefault(check.id, check)
                readers.forms.update(self._read_in(violated))
        for item, condition in (*self._shown.items(), *self._required.items()):
            for name, when in self._outside(condition):
                readers = found.setdefault(name, Readers())
                readers.when.add(when)
                readers.items.setdefault(item)
                # Whether an answer is needed depends on every condition of the form.
                readers.forms.update(self.reads)
        return found

    def _outside(self, expression: Expression) -> Iterator[tuple[str, str]]:
        for name in expression.references:
            if "." in name and not name.startswith(self._prefix):
                yield name, "here" if name in expression.only_here else "now"
        for when, names in (("previous", expression.previous), ("last", expression.last)):
            for name in names:
                yield name if "." in name else f"{self._prefix}{name}", when

    def is_violated(self, check: Check, scope: Scope) -> bool:
        """Return True if the values certainly violate a check of this form."""
        return self._violated(check).evaluate(scope) is True

    @cached_property
    def calculates_from_elsewhere(self) -> bool:
        """True if a calculated value can change although no value of the form does."""
        expressions = [*self._shown.values(), *self._calculated.values()] if self._calculated else []
        names = {name for each in expressions for name in each.references | each.previous | each.last}
        return any("." in name and not name.startswith(self._prefix) for name in names)

    @cached_property
    def history(self) -> frozenset[str]:
        """All names whose earlier values the rules read with ``previous`` or ``last``."""
        return frozenset(name for each in self.expressions for name in each.previous | each.last)


@dataclass(frozen=True, slots=True)
class Readers:
    """The readers of one name: checks by id, and items whose condition (`shown_when`, `required_when`) does.

    when: `now` if the value is read as known at the form's own visit, `here` if only as captured there, `previous`,
    `last`. forms: those whose captured values are needed to judge them, as in `FormRules.reads`.
    """

    checks: dict[str, Check] = field(default_factory=dict)
    items: dict[str, None] = field(default_factory=dict)
    when: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of several items, written for each reader."""

    rules: FormRules
    paths: tuple[str, ...]

    def in_language(self, language: str) -> str:
        """The labels in their order, with commas between them; empty when there are none."""
        return ", ".join(self.rules.label_of(path, language) for path in self.paths)


class ProtocolRules:
    """The compiled expressions of one protocol, each compiled at first use."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._forms: dict[str, FormRules] = {}

    @cached_property
    def names(self) -> Mapping[str, ItemKind]:
        """Names known in every form, with their kinds."""
        return names_everywhere(self.protocol)

    def compile(
        self,
        source: str,
        names: Mapping[str, ItemKind],
        *,
        gives: ItemKind = LOGIC,
        decimals: int | None = None,
    ) -> Expression:
        """Compile an expression with the definitions and the time zone of this protocol."""
        zone, definitions = self.protocol.trial.site.time_zone, self.protocol.definitions
        return compile_expression(
            source, names, gives=gives, decimals=decimals, zone=zone, definitions=definitions
        )

    def form(self, code: str) -> FormRules:
        """Return the rules of a form. Raises KeyError if the protocol has no such form."""
        if code not in self._forms:
            form = self.protocol.form(code)
            names = {**self.names, **kinds_of_items(form.items)}
            self._forms[code] = FormRules(self, form, names)
        return self._forms[code]

    @cached_property
    def read_elsewhere(self) -> frozenset[str]:
        """All names that a rule outside their own form reads: checks, conditions, criteria, groups, strata.

        A change of other values contradicts nothing elsewhere. Compiles every form at first use.
        """
        strata = self.protocol.allocation.strata if self.protocol.allocation else ()
        by_forms = (name for code in self.protocol.forms for name in self.form(code).readers)
        return frozenset({*by_forms, *self.eligibility.references, *strata})

    @cached_property
    def eligibility(self) -> EligibilityRules:
        """The compiled eligibility criteria and group rules."""
        return EligibilityRules(self.protocol, lambda source: self.compile(source, self.names))


_MOST_COMPILED = 64
_compiled: dict[int, ProtocolRules] = {}


def rules_of(protocol: Protocol) -> ProtocolRules:
    """Return the compiled rules of a protocol, the same object for the same protocol. Cached, 64 protocols.

    Keyed by the identity of the document: Python reuses the id of a freed object, so each entry keeps its document.
    """
    known = _compiled.get(id(protocol))
    if known is None:
        if len(_compiled) >= _MOST_COMPILED:
            _compiled.pop(next(iter(_compiled)), None)
        known = _compiled[id(protocol)] = ProtocolRules(protocol)
    return known


def _form_of(name: str) -> str:
    """Return the form of `form.item` or `logs.form`."""
    form, _dot, rest = name.partition(".")
    return rest.partition(".")[0] if form == "logs" else form


def stored(result: Result) -> str:
    """Return a result as stored in a record: plain decimal notation, or the text."""
    return format(result, "f") if isinstance(result, Decimal) else str(result)
