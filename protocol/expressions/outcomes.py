"""The compiled populations and readings of the outcomes of a protocol, and the forms whose values they read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

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
    def window(self) -> tuple[int, int] | None:
        return self.outcome.window_of(self.reading)

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
        read = {name for each in expressions for name in each.references | each.previous | each.last}
        profile = self.protocol.profile
        items = {profile.died_on, profile.last_contact_on, *(each.day_zero for each in self.readings)}
        return frozenset(_forms((*read, *(each for each in items if each)))) & self.protocol.forms.keys()


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
