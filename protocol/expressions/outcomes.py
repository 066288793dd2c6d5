"""The compiled populations and readings of the outcomes of a protocol, and the forms whose values they read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from protocol.document.document import Protocol
from protocol.document.outcomes import NUMERIC, Outcome, OutcomeReading
from protocol.expressions.compiled import LOGIC, NUMBER, Expression, ItemKind
from protocol.expressions.kinds import DAY
from protocol.expressions.outcome_names import event_names, outcome_names
from protocol.expressions.rules import ProtocolRules, rules_of

_HEADS = ("visits.", "logs.")


def kind_of_endpoint(reading: OutcomeReading) -> ItemKind:
    """Return the kind of value that the expression of a reading gives: a condition, a number, or a date."""
    if reading.event or (reading.at and reading.measure not in NUMERIC) or reading.measure == "proportion":
        return LOGIC
    return NUMBER if reading.measure in NUMERIC else DAY


@dataclass(frozen=True)
class CompiledReading:
    """A reading with its outcome and its compiled expression: over the patient, or over each adverse event."""

    outcome: Outcome
    reading: OutcomeReading
    expression: Expression

    @property
    def key(self) -> tuple[str, str]:
        """Id of the outcome and code of the reading."""
        return self.outcome.id, self.reading.code

    @cached_property
    def window(self) -> tuple[int, int]:
        """First and last day that count; day 0 alone without a window, which only readings that need none lack."""
        return self.outcome.window_of(self.reading) or (0, 0)

    @cached_property
    def day_zero(self) -> str:
        return self.outcome.day_zero_of(self.reading)


class OutcomeRules:
    """The compiled outcomes of one protocol."""

    def __init__(self, rules: ProtocolRules) -> None:
        self.protocol = rules.protocol
        names, of_events = outcome_names(self.protocol), event_names(self.protocol)
        self.members: Mapping[str, Expression] = {
            code: rules.compile(population.member, names)
            for code, population in self.protocol.populations.items()
        }
        self.readings = tuple(
            CompiledReading(
                outcome,
                reading,
                rules.compile(
                    reading.event or reading.endpoint or "",
                    of_events if reading.event else names,
                    gives=kind_of_endpoint(reading),
                ),
            )
            for outcome in self.protocol.outcomes
            for reading in outcome.readings
        )

    @cached_property
    def forms(self) -> frozenset[str]:
        """The forms whose captured values the outcomes read, with those of the death and the last contact."""
        expressions = [*self.members.values(), *(each.expression for each in self.readings)]
        return self._known(chain(*map(_names, expressions), self._items))

    @cached_property
    def visits(self) -> Mapping[str, frozenset[str]]:
        """The visits at which each form is read; a form that may be read at any visit is left out."""
        at: dict[str, set[str]] = {}
        anywhere = set(self._known(self._items))
        for expression, codes in self._places():
            for form in self._known(_names(expression)):
                plain = all(form in self.protocol.visit(code).form_codes for code in codes)
                if codes and plain and form not in self._known(_beyond(expression)):
                    at.setdefault(form, set()).update(codes)
                else:
                    anywhere.add(form)
        return {form: frozenset(codes) for form, codes in at.items() if form not in anywhere}

    def _places(self) -> Iterator[tuple[Expression, tuple[str, ...]]]:
        """Yield each expression with the visits at which it is evaluated; none if over the whole course."""
        for code, expression in self.members.items():
            place = self.protocol.populations[code].at
            yield expression, (place,) if place else ()
        for each in self.readings:
            yield each.expression, (*each.reading.at, *each.reading.baseline)

    @property
    def _items(self) -> list[str]:
        profile = self.protocol.profile
        items = (profile.died_on, profile.last_contact_on, *(each.day_zero for each in self.readings))
        return [item for item in items if item]

    def _known(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(_forms(names)) & self.protocol.forms.keys()


def _names(expression: Expression) -> frozenset[str]:
    return expression.references | expression.previous | expression.last


def _beyond(expression: Expression) -> frozenset[str]:
    """Return the names that an expression reads from other visits too."""
    rows = {name for name in expression.references if name.startswith(_HEADS)}
    return frozenset(rows) | expression.previous | expression.last


def _forms(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        head = next((each for each in _HEADS if name.startswith(each)), "")
        yield name.removeprefix(head).partition(".")[0]


_MOST_COMPILED = 32
_compiled: dict[int, OutcomeRules] = {}


def outcomes_of(protocol: Protocol) -> OutcomeRules:
    """Return the compiled outcomes of a protocol, the same object for the same protocol. Cached, 32 protocols."""
    known = _compiled.get(id(protocol))
    if known is None:
        if len(_compiled) >= _MOST_COMPILED:
            _compiled.pop(next(iter(_compiled)), None)
        known = _compiled[id(protocol)] = OutcomeRules(rules_of(protocol))
    return known
