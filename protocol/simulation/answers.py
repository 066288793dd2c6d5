"""Plausible invented answers to any form of any protocol, the same again from the same seed.

Demo data, benchmarks and property tests use it, so that a protocol is tried before its first patient. What
is made satisfies the types, lies inside the soft limits, answers only what is asked, and breaks no check of
the form as far as chance allows. Calculated items are left to the server. No Django.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import Any

from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.rules import NOTHING, FormRules, ItemRules, Scope, is_answered, rules_of
from protocol.simulation.values import Setting, simulated_value
from protocol.values.parsing import limit_findings

Answers = dict[str, Any]
TRIES = 60
"""How often answers that break a check are drawn anew."""
SEARCH = 4000
"""How many draws the search for an eligible patient may take."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """How answers are made.

    ``on`` is the day at the site. ``near`` are earlier answers of the form to stay near; ``fixed`` are
    answers that must stand. ``missing_rate`` of the items get a missing code, ``implausible_rate`` of the
    numbers lie outside the soft limits, ``blank_rate`` of the items that need no answer get none.
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
    """Answers to ``form`` as they are stored, calculated items and items that are not asked left out.

    ``context`` gives the other forms and the subject, for conditions that read them.
    """
    scope, how = context or Scope(form=form.code), simulation or Simulation()
    maker = _Maker(form, rng, protocol, scope, how)
    return _entered(form, maker.consistent())


def sample_values(form: Form, protocol: Protocol, others: Mapping[str, Any]) -> Answers:
    """Answers of the declared types, drawn once whatever the checks say of them: to try expressions on."""
    around = Scope(other_forms=others, same=others)
    maker = _Maker(form, Random(form.code), protocol, around, Simulation())
    return maker.settled(maker.drawn(form.items))


def simulated_eligible(
    protocol: Protocol,
    rng: Random,
    subject: Mapping[str, Any],
    forms: Iterable[str] | None = None,
    simulation: Simulation | None = None,
) -> dict[str, Answers]:
    """Answers to the forms of screening, by form, that every criterion allows; ``subject`` as in `Scope`.

    Here ``simulation.fixed`` is by path (``demography.sex``). Raises LookupError when the search finds none:
    the criteria may contradict each other.
    """
    how = simulation or Simulation()
    search = _Search(protocol, rng, subject, tuple(forms or _screening_forms(protocol)), how)
    return search.eligible()


def _screening_forms(protocol: Protocol) -> tuple[str, ...]:
    return tuple(code for visit in protocol.visits if visit.kind == "screening" for code in visit.form_codes)


class _Maker:
    """Makes the answers of one form."""

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
        """Answers that break no check, or the last that were tried."""
        drawn = self.drawn(self.form.items)
        values = self.settled(drawn)
        for _ in range(TRIES):
            broken = self.broken(values)
            again = [item for item in self.form.items if item.name in broken]
            if not again:
                break
            drawn |= self.drawn(again if self.rng.random() < 0.7 else self.form.items)
            values = self.settled(drawn)
        return values

    def broken(self, values: Answers) -> set[str]:
        """The items that a violated check reads, or a calculation whose result is out of its limits."""
        fired = self.rules.fired(self.scope.with_values(values))
        found = {name for check in fired for name in self.rules.inputs(check)}
        for item in self.form.items:
            if item.is_calculated and item.name in values and limit_findings(values[item.name], item):
                found |= self.rules.behind(item.name)
        return found

    def drawn(self, items: Iterable[Item]) -> Answers:
        """A candidate for every item that is not calculated, whether it will be asked or not."""
        found = {}
        for item in items:
            if item.name in self.how.fixed:
                found[item.name] = self.how.fixed[item.name]
            elif not item.is_calculated:
                found[item.name] = self.candidate(item)
        return found

    def candidate(self, item: Item) -> Any:
        """A value for the item; None for some of those that need none."""
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
            kept = {name: cell for name, cell in cells.items() if rules.is_shown(name, scope)}
            if len(kept) == len(cells):
                break
            cells = kept
        return cells

    def settled(self, drawn: Answers) -> Answers:
        """The answers of the items that are asked, once nothing more falls away, with what is calculated."""
        values = {name: value for name, value in drawn.items() if _is_stored(value)}
        for _ in self.form.items:
            values = self.rules.with_calculated(self.scope.with_values(values))
            shown = self.rules.shown(self.scope.with_values(values))
            kept = {name: value for name, value in values.items() if name in shown}
            if len(kept) == len(values):
                break
            values = kept
        return values


def _is_stored(value: Any) -> bool:
    return is_answered(value) or (isinstance(value, Mapping) and "missing" in value)


class _Search:
    """Looks for answers that every criterion allows, drawing anew what a criterion reads that forbids."""

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
        read = {name.partition(".")[0] for name in rules_of(protocol).criterion_references}
        self.makers = {code: self._maker(code, {}) for code in forms if code in read}
        self.drawn = {code: maker.drawn(maker.form.items) for code, maker in self.makers.items()}

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
        found = rules_of(self.protocol).criteria(Scope(NOTHING, records, self.subject))
        refusing = ", ".join(result.criterion.id for result in found if result.allows is not True)
        raise LookupError(f"no answers were found that every criterion allows: {refusing}")

    def _maker(self, code: str, records: Mapping[str, Answers]) -> _Maker:
        form, prefix = self.protocol.form(code), f"{code}."
        own = {path: value for path, value in self.how.fixed.items() if path.startswith(prefix)}
        how = replace(self.how, fixed={path.removeprefix(prefix): value for path, value in own.items()})
        scope = Scope(NOTHING, records, self.subject, same=records)
        return _Maker(form, self.rng, self.protocol, scope, how)

    def _changed(self, path: str) -> dict[str, Answers]:
        """The draws with another answer at ``path``, and at times another one beside it."""
        code, _, name = path.partition(".")
        maker = self.makers[code]
        items = [maker.form.item(name)]
        if self.rng.random() < 0.3:
            items.append(self.rng.choice(maker.form.items))
        return {**self.drawn, code: self.drawn[code] | maker.drawn(items)}

    def _tried(self, drawn: Mapping[str, Answers]) -> tuple[int, dict[str, Answers], list[str]]:
        """How many criteria allow entry (less the checks broken), the records, what stands in the way."""
        records: dict[str, Answers] = {}
        score, against = 0, []
        for code, maker in self.makers.items():
            maker.scope = Scope(NOTHING, records, self.subject, form=code, same=records)
            records[code] = maker.settled(drawn[code])
            broken = maker.rules.fired(maker.scope.with_values(records[code]))
            score -= len(broken)
            against += [f"{code}.{name}" for check in broken for name in maker.rules.inputs(check)]
        for result in rules_of(self.protocol).criteria(Scope(NOTHING, records, self.subject)):
            score += result.allows is True
            if result.allows is not True:
                against += [path for path in result.inputs if path.partition(".")[0] in self.makers]
        return score, records, [path for path in against if path not in self.how.fixed]

    def _completed(self, records: dict[str, Answers]) -> dict[str, Answers]:
        """The records found, with those of the forms that no criterion reads, without what is calculated."""
        for code in self.forms:
            if code not in records:
                maker = self._maker(code, records)
                records[code] = maker.consistent()
        return {code: _entered(self.protocol.form(code), records[code]) for code in self.forms}


def _entered(form: Form, values: Answers) -> Answers:
    return {name: value for name, value in values.items() if not form.item(name).is_calculated}
