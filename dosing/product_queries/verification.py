"""Source verification of product data: every fact of a patient's product that has a value and no valid mark.

The protocol file plans nothing here: the product is compared with its source completely.
"""

from collections.abc import Mapping

from accounts.models import User
from dosing.models import ProductMark
from dosing.product_queries.kinds import KINDS
from patients.casebook.facts import Fact, read_patients
from patients.models import Patient
from patients.review import fact_marks
from patients.review.fact_marks import FactToMark, Place, RowToMark, place_of, row_place
from patients.review.undone_marks import undone_fact_words

KIND = ProductMark.Kind.VERIFICATION


def _waiting(patient: Patient) -> list[Fact]:
    """Return the facts of one patient that wait for a mark. One query, and some for each kind of row."""
    marked = fact_marks.valid_places(KIND, [patient.pk], ProductMark)
    found = []
    for kind in KINDS.values():
        for row in kind.of_patients({patient.pk: patient}):
            known = {} if kind.no_marks(row) else kind.facts(row)
            facts = [Fact(kind, row, item, known) for item in known]
            found += [fact for fact in facts if fact.value and place_of(fact) not in marked]
    return found


def blocks(patient: Patient) -> list[RowToMark]:
    """Return the rows of the product with facts to compare with their source."""
    facts = _waiting(patient)
    undone = fact_marks.last_undone(patient, KIND, ProductMark) if facts else {}
    found: dict[tuple[str, int], list[FactToMark]] = {}
    for fact in facts:
        line = FactToMark(fact, undone_fact_words(undone.get(place_of(fact)), fact))
        found.setdefault(row_place(fact), []).append(line)
    return [
        RowToMark(lines[0].fact.title, lines[0].fact.page, fact_marks.box_of_lines(lines), tuple(lines))
        for lines in found.values()
    ]


def seen_in(sent: list[str], rows: list[RowToMark]) -> dict[Place, str]:
    """Return the digests of the ticked boxes of the page by place. Raises BadRequest for anything else."""
    return fact_marks.seen_in(sent, rows, KINDS)


def verify(*, patient: Patient, seen: Mapping[Place, str], by: User, role: str) -> int:
    """Mark facts of the product as compared with their source and return their number.

    Raises ValidationError, and marks nothing, without a fact and like `fact_marks.mark_facts`.
    """
    return fact_marks.mark_facts(
        patient=patient, seen=seen, kind=KIND, waiting=_waiting, by=by, role=role, log=ProductMark
    )


def waiting_numbers(patients: list[int]) -> dict[int, int]:
    """Return the number of facts to verify by patient. Some queries for each kind of row, whatever the patients."""
    people = read_patients(Patient.objects.filter(pk__in=patients))
    marked = fact_marks.valid_places(KIND, people, ProductMark)
    found = dict.fromkeys(people, 0)
    for kind in KINDS.values():
        for row in kind.of_patients(people):
            known = {} if kind.no_marks(row) else kind.facts(row)
            for item, (_label, value) in known.items():
                found[row.patient_id] += bool(value) and (kind.target, row.pk, item) not in marked
    return found
