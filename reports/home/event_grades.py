"""Adverse events by term and worst grade. A patient counts once per term. Totals over all arms, never by arm."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.compiled_queries import CompiledValues
from patients.models.visibility import IN_TRIAL
from reports.figures import charts
from reports.figures.shapes import Figure
from reports.home.workload import Workload
from safety.models import AdverseEvent
from safety.terms.own_list import same_term_key, term_of

MOST_TERMS, SEVERE = 8, 3
WORST = CompiledValues(
    lambda **who: (
        AdverseEvent.objects.visible_in(**who)
        .not_in_error()
        .values_list("term", "patient_id")
        .annotate(Max("grade"))
    ),
    **IN_TRIAL,
)


@dataclass(frozen=True, slots=True)
class EventGrades:
    """The figure, the grades that occur in it, its rows, the number of terms left out, and of included patients."""

    figure: Figure | None
    grades: list[int]
    rows: list[charts.TermRow]
    left_out: int
    patients: int


def worst_by_term(work: Workload) -> dict[str, list[int]]:
    """Return for each term the number of patients by worst grade (1 to 5), most patients first.

    Of terms with equally many patients the one with the higher grades comes first.
    Other names of a term of the own list, case and spaces make no other term. Events entered in error are left out.
    """
    worst: dict[str, dict[int, int]] = defaultdict(dict)
    spelled: dict[str, str] = {}
    # Of each text once: a term has many patients.
    keys: dict[str, str] = {}
    for term, patient, grade in WORST.rows(**work.who):
        folded = keys.get(term)
        if folded is None:
            folded = keys[term] = same_term_key(term)
            spelled.setdefault(folded, term_of(term) or term)
        worst[folded][patient] = max(grade, worst[folded].get(patient, 0))
    counted = {
        spelled[term]: [list(by.values()).count(grade) for grade in range(1, 6)] for term, by in worst.items()
    }

    def rank(pair: tuple[str, list[int]]) -> tuple[int, list[int], str]:
        term, grades = pair
        return -sum(grades), [-patients for patients in reversed(grades)], term.casefold()

    return dict(sorted(counted.items(), key=rank))


def kept_terms(counted: dict[str, list[int]]) -> list[str]:
    """Return the terms to show, most patients first: each with a grade of 3 or more, however rare, then the frequent.

    counted: the number of patients by worst grade, 1 to 5, of each term, most patients first.
    """
    severe = [term for term, grades in counted.items() if any(grades[SEVERE - 1 :])]
    others = [term for term in counted if term not in severe][: max(0, MOST_TERMS - len(severe))]
    return [term for term in counted if term in severe or term in others]


def event_grades(work: Workload) -> EventGrades:
    """Return the figure of the severe and the most frequent terms, with shares of the patients included so far."""
    counted = worst_by_term(work)
    kept = kept_terms(counted)
    rows = [_row(term, counted[term], work.enrolled) for term in kept]
    grades = [grade for grade in range(1, 6) if any(row.patients[grade - 1] for row in rows)]
    figure = charts.worst_grades(rows, _label(rows)) if rows else None
    return EventGrades(figure, grades, rows, len(counted) - len(kept), work.enrolled)


def _row(term: str, counts: list[int], enrolled: int) -> charts.TermRow:
    first, second, third, fourth, fifth = counts
    tips = [_tip(term, grade, number) for grade, number in enumerate(counts, start=1)]
    share = _("%(share)s %%") % {"share": round(100 * sum(counts) / enrolled)} if enrolled else ""
    return charts.TermRow(
        term=term, patients=(first, second, third, fourth, fifth), share=share,
        tips=(tips[0], tips[1], tips[2], tips[3], tips[4]),
    )  # fmt: skip


def _tip(term: str, grade: int, number: int) -> str:
    parameters = {"term": term, "grade": grade, "number": number}
    return (
        ngettext(
            "%(term)s, worst grade %(grade)s: %(number)s patient",
            "%(term)s, worst grade %(grade)s: %(number)s patients",
            number,
        )
        % parameters
    )


def _label(rows: list[charts.TermRow]) -> str:
    if not rows:
        return ""
    return _("Adverse events by worst grade. Most frequent: %(term)s, in %(number)s patients.") % {
        "term": rows[0].term,
        "number": rows[0].total,
    }
