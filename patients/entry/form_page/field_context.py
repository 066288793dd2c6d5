"""The parts of the fields of a form other than their values: messages, states, calculated values, offers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.markup import joined, markup
from patients.casebook.known_values import KnownValue
from protocol.document.items import Item
from protocol.expressions.rules import Labels
from protocol.values.parsing import CheckFinding, Value
from protocol.values.reference_ranges import RangeReading


@dataclass(frozen=True, slots=True)
class Result:
    """One message at a field: an error, a warning or a notice. An error blocks completion of the form."""

    tone: str
    sentence: str

    @property
    def blocks(self) -> bool:
        """Return True if the form cannot be completed because of it."""
        return self.tone == "error"


@dataclass(frozen=True, slots=True)
class FieldContext:
    """Everything that a field shows with its value, by item or path.

    results: messages. soft: paths with an unusual value. hidden, undecided, required: items by their conditions.
    queries: number of open queries. known: values of other forms that are offered. missing_inputs: inputs that a
    calculated item still needs. more_rows: the table that gets more empty rows. readings: position in the reference
    ranges. group_messages: message at the "not done" button of a group, by its number. stored_chosen: items whose
    stored value was chosen in a conflict. units: the unit that is chosen beside an empty number. score_inputs:
    sentences on the values that a calculated item reads.
    """

    results: Mapping[str, tuple[Result, ...]] = field(default_factory=dict)
    soft: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()
    required: frozenset[str] | None = None
    queries: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, KnownValue] = field(default_factory=dict)
    calculated: Mapping[str, Value] = field(default_factory=dict)
    missing_inputs: Mapping[str, Labels] = field(default_factory=dict)
    more_rows: str = ""
    readings: Mapping[str, RangeReading] = field(default_factory=dict)
    group_messages: Mapping[int, str] = field(default_factory=dict)
    stored_chosen: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)
    score_inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def is_required(self, item: Item) -> bool:
        """Return True if the form is complete only with an answer to the item."""
        if self.required is None:
            return item.required and not item.required_when
        return item.name in self.required


def sentences(findings: Iterable[CheckFinding], language: str) -> dict[str, tuple[Result, ...]]:
    """Return the messages of findings by path, errors first, in the given language."""
    tones = {"hard": "error", "soft": "warning", "notice": "notice"}
    found: dict[str, tuple[Result, ...]] = {}
    for finding in sorted(findings, key=lambda each: list(tones).index(each.severity)):
        result = Result(tones[finding.severity], finding.sentence(_, language))
        found[finding.item] = (*found.get(finding.item, ()), result)
    return found


def sentences_html(results: Iterable[Result]) -> SafeString:
    """Return the messages at a field as HTML."""
    return joined(
        markup("capture/sentence.html", tone=each.tone).fill({"sentence": each.sentence}) for each in results
    )
