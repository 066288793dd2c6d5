"""Medical review outside the forms: an investigator marks events, infusions, consents, decisions and the end of study.

As with a form, the mark is on the whole row, and any change of its facts undoes it.
"""

from collections.abc import Iterator

from accounts.models import User
from patients.casebook.facts import KINDS, Fact
from patients.models import Mark, Patient
from patients.review import fact_marks
from patients.review.fact_marks import Place, RowToMark, box, place_of
from patients.review.marks import WHOLE
from patients.review.undone_marks import undone_fact_words

KIND = Mark.Kind.REVIEW


def blocks(patient: Patient, visit: str = "") -> list[RowToMark]:
    """Return the rows without a medical review, with their content, of one visit or all.

    Two queries, and three for each kind.
    """
    undone = fact_marks.last_undone(patient, KIND)
    return [
        RowToMark(
            title=row.title,
            page=row.page,
            value=box(row),
            content=tuple((str(label), str(value)) for label, value in (row.known or {}).values() if value),
            undone=undone_fact_words(undone.get(place_of(row)), row),
        )
        for row in _waiting(patient)
        if fact_marks.at_visit(row.row, visit)
    ]


def _waiting(patient: Patient) -> Iterator[Fact]:
    """Yield each row that has facts and no valid review."""
    marked = fact_marks.valid_places(KIND, [patient.pk])
    for kind in KINDS.values():
        for row in kind.of_patients({patient.pk: patient}):
            fact = Fact(kind, row, WHOLE, {} if kind.no_marks(row) else kind.facts(row))
            if fact.known and place_of(fact) not in marked:
                yield fact


def review_rows(*, patient: Patient, seen: dict[Place, str], by: User, role: str) -> int:
    """Mark rows as medically reviewed and return their number. Raises ValidationError like `mark_facts`."""
    return fact_marks.mark_facts(patient=patient, seen=seen, kind=KIND, waiting=_waiting, by=by, role=role)
