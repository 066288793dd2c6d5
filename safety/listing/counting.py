"""The adverse events that a listing shows, counted in groups: one statement for the events, whatever their number."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.db.models.expressions import Value
from django.db.models.functions import Coalesce

from patients.models import Patient
from safety.classification import NONE_OF_THESE, Class, SeriousnessCriterion, classify
from safety.listing.groups import CountedRow, EventGroup, grouped
from safety.models import AdverseEvent
from safety.terms.own_classes import class_of
from safety.terms.own_list import same_term_key, term_of
from trials.models import Trial

PATIENT, TERM, CLASS, ORGAN_CLASS, SUMMARY = "patient", "term", "class", "organ_class", "summary"
WAYS = (SUMMARY, PATIENT, TERM, CLASS, ORGAN_CLASS)
EXPECTED = {"expected": True, "unexpected": False}
COLUMNS = (
    "patient_id", "term", "organ", "grade", "serious", "causality", "sponsor_causality", "expectedness",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One line of a table of groups. An empty part of the name stands for all of them.

    organ_class, term, event_class, patient: what the group is, as far as the table tells it. is_total: it sums up
    other lines. of_organ_class: the events of one organ class, which is empty for terms without one.
    """

    group: EventGroup
    organ_class: str = ""
    term: str = ""
    event_class: str = ""
    patient: str = ""
    is_total: bool = False
    of_organ_class: bool = False

    @property
    def group_is_all(self) -> bool:
        """Return whether the line counts all events of the table."""
        return self.is_total and not self.of_organ_class

    @property
    def pk(self) -> str:
        """Return a key of the line within its table."""
        return "|".join((self.organ_class, self.term, self.event_class, self.patient))


def counted_rows(events: QuerySet[AdverseEvent]) -> list[CountedRow]:
    """Return the events in groups that are alike in everything counted. One query.

    The organ class is that of the code; an event without one has the class of its term in the own list.
    """
    rows = events.annotate(organ=Coalesce("coding__organ_class", Value(""))).order_by().values_list(*COLUMNS)
    return [
        CountedRow(
            patient=patient,
            term=term,
            organ_class=organ or class_of(term),
            event_class=_class(serious, causality, sponsor, expectedness),
            grade=grade,
            serious=serious,
            events=number,
        )
        for patient, term, organ, grade, serious, causality, sponsor, expectedness, number in rows.annotate(
            number=Count("pk")
        )
    ]


def _class(serious: bool, causality: str, sponsor: str, expectedness: str) -> str:
    """Return the class of an event by its stored answers: any criterion makes it serious."""
    criterion = SeriousnessCriterion.MEDICALLY_IMPORTANT if serious else NONE_OF_THESE
    return classify(
        seriousness={criterion}, causality=causality, sponsor=sponsor, expected=EXPECTED.get(expectedness)
    ).value


def lines_of(trial: Trial, events: QuerySet[AdverseEvent], by: str) -> list[GroupLine]:
    """Return the lines of a table of groups, all events first. One query, two by patient."""
    rows = counted_rows(events)
    if not rows:
        return []
    total = GroupLine(grouped(rows, lambda row: "")[""], is_total=True)
    return [total, *_lines(trial, rows, by)]


def _lines(trial: Trial, rows: list[CountedRow], by: str) -> Iterable[GroupLine]:
    names = _names(rows)
    if by == PATIENT:
        codes = dict(Patient.objects.filter(trial=trial).values_list("pk", "code"))
        groups = grouped(rows, lambda row: codes[row.patient])
        return [GroupLine(groups[code], patient=code) for code in sorted(groups)]
    if by == TERM:
        found = grouped(rows, lambda row: names[row.term])
        return [GroupLine(group, term=term) for term, group in found.items()]
    if by == CLASS:
        of_class = grouped(rows, lambda row: row.event_class)
        return [GroupLine(of_class[each], event_class=each.value) for each in Class if each in of_class]
    # Events without a class come last.
    of_organ = dict(sorted(grouped(rows, lambda row: row.organ_class).items(), key=lambda pair: not pair[0]))
    if by == ORGAN_CLASS:
        return [GroupLine(group, organ_class=name, of_organ_class=True) for name, group in of_organ.items()]
    found_lines = []
    for name, group in of_organ.items():
        found_lines.append(GroupLine(group, organ_class=name, is_total=True, of_organ_class=True))
        terms = grouped((row for row in rows if row.organ_class == name), lambda row: names[row.term])
        found_lines += [
            GroupLine(each, organ_class=name, term=term, of_organ_class=True) for term, each in terms.items()
        ]
    return found_lines


def _names(rows: Iterable[CountedRow]) -> dict[str, str]:
    """Return by typed term the name of its group: that of the own list, else the words first in the alphabet.

    Other names, case, spaces and accents make no other term.
    """
    typed = sorted({row.term for row in rows})
    first: dict[str, str] = {}
    for term in typed:
        first.setdefault(same_term_key(term), term_of(term) or " ".join(term.split()))
    return {term: first[same_term_key(term)] for term in typed}


def of_term(events: QuerySet[AdverseEvent], text: str) -> QuerySet[AdverseEvent]:
    """Keep events of a term under any of its names; if there is none, those whose term contains the text."""
    key = same_term_key(text)
    typed = {term for term in _typed(events) if same_term_key(term) == key}
    return events.filter(term__in=typed) if typed else events.filter(term__icontains=text)


def of_organ_class(events: QuerySet[AdverseEvent], name: str) -> QuerySet[AdverseEvent]:
    """Keep events of an organ class: by their code, or without one by the own list. Empty: those without a class."""
    uncoded = Q(coding=None) | Q(coding__organ_class="")
    of_own_list = {
        term for term in _typed(events.filter(uncoded)) if class_of(term).casefold() == name.casefold()
    }
    without = uncoded & Q(term__in=of_own_list)
    return events.filter(without | Q(coding__organ_class__iexact=name) if name else without)


def _typed(events: QuerySet[AdverseEvent]) -> Iterable[str]:
    return events.order_by().values_list("term", flat=True).distinct()


def of_class(events: QuerySet[AdverseEvent], wanted: str) -> QuerySet[AdverseEvent]:
    """Keep events whose most specific class it is."""
    columns = ("serious", "causality", "sponsor_causality", "expectedness")
    combined = events.order_by().values_list(*columns).distinct()
    kept = Q(pk=None)
    for row in combined:
        if _class(*row) == wanted:
            kept |= Q(**dict(zip(columns, row, strict=True)))
    return events.filter(kept)
