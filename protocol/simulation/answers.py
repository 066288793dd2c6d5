"""Plausible invented values for any form of any protocol; the same seed gives the same values.

Used for demo data, benchmarks and property tests, so that a protocol can be tried before its first patient. The
values have the declared types, lie inside the soft limits, leave out items that are not shown, and violate no check
as far as chance allows. Calculated items are left to the server. No Django.
"""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import Any

from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.rules import FormRules, ItemRules, rules_of
from protocol.expressions.scope import NOTHING, Scope, is_answered
from protocol.simulation.values import Setting, simulated_value
from protocol.values.parsing import limit_findings

Answers = dict[str, Any]
TRIES = 60
"""How often values that violate a check are drawn again."""
SEARCH = 4000
"""Most draws in the search for an eligible patient."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """Settings of the simulation.

    ``on`` is the local day. ``near`` holds earlier values of the form to stay close to; ``fixed`` holds values that are
    kept. ``missing_rate`` is the share of items with a missing code, ``implausible_rate`` the share of numbers outside
    the soft limits, ``blank_rate`` the share of optional items left blank.
    """

    on: date = date(2021, 3, 1)
    near: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    missing_rate: float = 0.0
    implausible_rate: float = 0.0
    blank_rate: float = 0.3


def simulated_values(
    form: Form,
    rng: Random,
    protocol: Protocol,
    context: Scope | None = None,
    simulation: Simulation | None = None,
) -> Answers:
    """Return values for ``form`` in stored form, without calculated items and items that are not shown.

    ``context`` gives the other forms and the subject to conditions that read them.
    """
    scope, how = context or Scope(form=form.code), simulation or Simulation()
    maker = _Maker(form, rng, protocol, scope, how)
    return _entered(form, maker.consistent())


def sample_values(form: Form, protocol: Protocol, others: Mapping[str, Any]) -> Answers:
    """Return values of the declared types, drawn once and without regard to checks, to try expressions on."""
    scope = Scope(other_forms=others, same=others)
    maker = _Maker(form, Random(form.code), protocol, scope, Simulation())
    return maker.with_calculated(maker.draw(form.items))


def simulated_eligible(
    protocol: Protocol,
    rng: Random,
    subject: Mapping[str, Any],
    forms: Iterable[str] | None = None,
    simulation: Simulation | None = None,
) -> dict[str, Answers]:
    """Return values for the screening forms, by form, that satisfy every criterion.

    ``subject`` is as in `Scope`. Here ``simulation.fixed`` is keyed by path (``demography.sex``). Raises LookupError if
    the search finds none: the criteria may contradict each other.
    """
    how = simulation or Simulation()
    search = _AnswerSearch(protocol, rng, subject, tuple(forms or _screening_forms(protocol)), how)
    return search.eligible()


def _screening_forms(protocol: Protocol) -> tuple[str, ...]:
    return tuple(code for visit in protocol.visits if visit.kind == "screening" for code in visit.form_codes)


class _Maker:
    """Draws the values of one form."""

    def __init__(self, form: Form, rng: Random, protocol: Protocol, context: Scope, how: Simulation) -> None:
        self.form = form
        self.rng = rng
        self.how = how
        self.rules: FormRules = rules_of(protocol).form(form.code)
        self.scope = Scope(
            NOTHING,
            context.other_forms,
            context.subject,
            form=form.code,
            previous=context.previous,
            last=context.last,
            same=context.same,
        )
        self.setting = Setting(on=how.on, zone=protocol.trial.site.time_zone)

    def consistent(self) -> Answers:
        """Return values that violate no check, or the last ones drawn."""
        drawn = self.draw(self.form.items)
        values = self.with_calculated(drawn)
        for _ in range(TRIES):
            broken = self.broken(values)
            again = [item for item in self.form.items if item.name in broken]
            if not again:
                break
            drawn |= self.draw(again if self.rng.random() < 0.7 else self.form.items)
            values = self.with_calculated(drawn)
        return values

    def broken(self, values: Answers) -> set[str]:
        """Return the items that a violated check reads, or a calculation outside its limits."""
        fired = self.rules.fired(self.scope.with_values(values))
        found = {name for check in fired for name in self.rules.inputs(check)}
        for item in self.form.items:
            if item.is_calculated and item.name in values and limit_findings(values[item.name], item):
                found |= self.rules.entered_inputs(item.name)
        return found

    def draw(self, items: Iterable[Item]) -> Answers:
        """Return a candidate for every item that is not calculated, whether it will be shown or not."""
        found = {}
        for item in items:
            if item.name in self.how.fixed:
                found[item.name] = self.how.fixed[item.name]
            elif not item.is_calculated:
                found[item.name] = self.candidate(item)
        return found

    def candidate(self, item: Item) -> Any:
        """Return a value for the item; None for some optional items."""
        if not item.required and item.required_when is None and self.rng.random() < self.how.blank_rate:
            return None
        if item.type == "rows":
            return self.rows(item)
        if item.missing and self.rng.random() < self.how.missing_rate:
            return {"missing": self.rng.choice(item.missing)}
        setting = replace(
            self.setting,
            near=self.how.near.get(item.name),
            implausible=self.rng.random() < self.how.implausible_rate,
        )
        return simulated_value(item, self.rng, setting)

    def rows(self, item: Item) -> list[Answers]:
        rules = self.rules.row(item.name)
        most = min(3, item.max_rows or 3)
        made = (self.row(item, rules) for _ in range(self.rng.randint(1, most)))
        return [row for row in made if row]

    def row(self, item: Item, rules: ItemRules) -> Answers:
        drawn = {column.name: self.candidate(column) for column in item.columns if not column.is_calculated}
        cells = {name: cell for name, cell in drawn.items() if _is_stored(cell)}
        for _ in cells:
            scope = self.scope.with_values(cells)
            shown = {name: cell for name, cell in cells.items() if rules.is_shown(name, scope)}
            if len(shown) == len(cells):
                break
            cells = shown
        return cells

    def with_calculated(self, drawn: Answers) -> Answers:
        """Return the values of the items that are shown, with calculated values, after skip logic is applied."""
        values = {name: value for name, value in drawn.items() if _is_stored(value)}
        # Hiding an item may hide others: repeat until no more fall away, at most once per item.
        for _ in self.form.items:
            values = self.rules.with_calculated(self.scope.with_values(values))
            shown = self.rules.shown(self.scope.with_values(values))
            shown_values = {name: value for name, value in values.items() if name in shown}
            if len(shown_values) == len(values):
                break
            values = shown_values
        return values


def _is_stored(value: Any) -> bool:
    return is_answered(value) or (isinstance(value, Mapping) and "missing" in value)


class _AnswerSearch:
    """Searches for values that satisfy every criterion by redrawing what a forbidding criterion reads."""

    def __init__(
        self,
        protocol: Protocol,
        rng: Random,
        subject: Mapping[str, Any],
        forms: tuple[str, ...],
        how: Simulation,
    ) -> None:
        self.protocol, self.rng = protocol, rng
        self.subject, self.forms, self.how = subject, forms, how
        screening = next((visit.code for visit in protocol.visits if visit.kind == "screening"), "")
        self.beside: Any = {"visit": {"code": screening}} if screening else {}
        read = {name.partition(".")[0] for name in rules_of(protocol).eligibility.references}
        self.makers = {code: self._maker(code, {}) for code in forms if code in read}
        self.drawn = {code: maker.draw(maker.form.items) for code, maker in self.makers.items()}

    def eligible(self) -> dict[str, Answers]:
        best, records, forbidding = self._tried(self.drawn)
        for _ in range(SEARCH):
            if best == len(self.protocol.eligibility):
                return self._completed(records)
            if not forbidding:
                break
            drawn = self._changed(self.rng.choice(forbidding))
            score, tried, against = self._tried(drawn)
            if score >= best:
                self.drawn, best, records, forbidding = drawn, score, tried, against
        found = rules_of(self.protocol).eligibility.criteria(Scope(NOTHING, records, self.subject))
        refusing = ", ".join(result.criterion.id for result in found if result.allows is not True)
        raise LookupError(f"no answers were found that every criterion allows: {refusing}")

    def _maker(self, code: str, records: dict[str, Answers]) -> _Maker:
        form, prefix = self.protocol.form(code), f"{code}."
        own = {path: value for path, value in self.how.fixed.items() if path.startswith(prefix)}
        how = replace(self.how, fixed={path.removeprefix(prefix): value for path, value in own.items()})
        seen: Any = records
        scope = Scope(NOTHING, ChainMap(seen, self.beside), self.subject, same=records)
        return _Maker(form, self.rng, self.protocol, scope, how)

    def _changed(self, path: str) -> dict[str, Answers]:
        """Return the draws with a new value at ``path``, and sometimes at another item of the form."""
        code, _, name = path.partition(".")
        maker = self.makers[code]
        items = [maker.form.item(name)]
        if self.rng.random() < 0.3:
            items.append(self.rng.choice(maker.form.items))
        return {**self.drawn, code: self.drawn[code] | maker.draw(items)}

    def _tried(self, drawn: Mapping[str, Answers]) -> tuple[int, dict[str, Answers], list[str]]:
        """Return the criteria satisfied less the checks violated, the records, and the paths to redraw."""
        records: dict[str, Answers] = {}
        score, against = 0, []
        for code, maker in self.makers.items():
            seen: Any = records
            context = ChainMap(seen, self.beside)
            maker.scope = Scope(NOTHING, context, self.subject, form=code, same=records)
            records[code] = maker.with_calculated(drawn[code])
            broken = maker.rules.fired(maker.scope.with_values(records[code]))
            score -= len(broken)
            against += [f"{code}.{name}" for check in broken for name in maker.rules.inputs(check)]
        for result in rules_of(self.protocol).eligibility.criteria(Scope(NOTHING, records, self.subject)):
            score += result.allows is True
            if result.allows is not True:
                against += [path for path in result.inputs if path.partition(".")[0] in self.makers]
        entered = [path for each in against for path in self._entered(each)]
        return score, records, [path for path in entered if path not in self.how.fixed]

    def _entered(self, path: str) -> Iterator[str]:
        """Yield a path, or those from which its value is calculated: drawing a calculated item draws nothing."""
        code, _, name = path.partition(".")
        maker = self.makers.get(code)
        if maker is None:
            return
        if not maker.form.item(name).is_calculated:
            yield path
            return
        for each in sorted(maker.rules.entered_inputs(name)):
            yield from self._entered(each if "." in each else f"{code}.{each}")

    def _completed(self, records: dict[str, Answers]) -> dict[str, Answers]:
        """Return the records found and those of forms that no criterion reads, without calculated values."""
        for code in self.forms:
            if code not in records:
                maker = self._maker(code, records)
                records[code] = maker.consistent()
        return {code: _entered(self.protocol.form(code), records[code]) for code in self.forms}


def _entered(form: Form, values: Answers) -> Answers:
    return {name: value for name, value in values.items() if not form.item(name).is_calculated}
