"""Source data verification outside the forms: events, infusions, consents, eligibility and the end of study."""

from collections import Counter
from collections.abc import Mapping, Sequence

from accounts.models import User
from patients.casebook.facts import KINDS, Fact, patient_of_row, read_patients
from patients.models import Mark, Patient
from patients.review import fact_marks
from patients.review.fact_marks import FactToMark, Place, RowToMark, place_of, row_place
from patients.review.undone_marks import undone_fact_words
from protocol.document.document import Protocol
from trials.models import Trial

KIND = Mark.Kind.VERIFICATION


def blocks(patient: Patient, visit: str = "") -> list[RowToMark]:
    """Return the rows with facts to compare with their source, of one visit or all.

    Two queries, and one for each planned kind.
    """
    facts = [fact for fact in _waiting(patient) if fact_marks.at_visit(fact.row, visit)]
    undone = fact_marks.last_undone(patient, KIND) if facts else {}
    found: dict[tuple[str, int], list[FactToMark]] = {}
    for fact in facts:
        line = FactToMark(fact, undone_fact_words(undone.get(place_of(fact)), fact))
        found.setdefault(row_place(fact), []).append(line)
    return [_block(lines) for lines in found.values()]


def _block(lines: list[FactToMark]) -> RowToMark:
    fact = lines[0].fact
    return RowToMark(fact.title, fact.page, fact_marks.box_of_lines(lines), tuple(lines))


def count_by_patient(trial: Trial, versions: Mapping[int, Protocol]) -> Mapping[int, int]:
    """Return the number of facts to verify by patient. Four queries, and one for each planned kind."""
    if not any(rules.monitoring.planned_facts for rules in versions.values()):
        return {}
    return _count(read_patients(Patient.objects.filter(trial=trial)), versions)


def count_of(patients: Sequence[int], versions: Mapping[int, Protocol]) -> Mapping[int, int]:
    """Return the number of facts to verify by patient. Four queries, and one for each planned kind."""
    return _count(read_patients(Patient.objects.filter(pk__in=patients)), versions)


def _count(people: Mapping[int, Patient], versions: Mapping[int, Protocol]) -> Mapping[int, int]:
    return Counter(fact.patient.pk for fact in _planned(people, versions))


def _waiting(patient: Patient) -> list[Fact]:
    return _planned({patient.pk: patient}, {patient.protocol_id: patient.protocol.rules})


def _planned(people: Mapping[int, Patient], versions: Mapping[int, Protocol]) -> list[Fact]:
    """Return the planned facts that have a value and no valid mark."""
    planned = {group for rules in versions.values() for group in rules.monitoring.planned_facts}
    kinds = [kind for kind in KINDS.values() if not planned.isdisjoint(kind.plans())]
    marked = fact_marks.valid_places(KIND, people) if kinds else set()
    found = []
    for kind in kinds:
        for row in kind.of_patients(people):
            rules = versions.get(patient_of_row(row).protocol_id)
            if rules is None or kind.no_marks(row):
                continue
            known = kind.facts(row)
            facts = [Fact(kind, row, item, known) for item in rules.monitoring.facts_of(kind.plans(row))]
            found += [fact for fact in facts if fact.value and place_of(fact) not in marked]
    return found


def verify_facts(*, patient: Patient, seen: Mapping[Place, str], by: User, role: str) -> int:
    """Mark facts as compared with their source and return their number. Raises ValidationError like `mark_facts`."""
    return fact_marks.mark_facts(patient=patient, seen=seen, kind=KIND, waiting=_waiting, by=by, role=role)


def withdraw_fact(*, fact: Fact, reason: str, by: User) -> int:
    """Withdraw the verification of a fact. Raises ValidationError like `withdraw_facts`."""
    target, key, item = place_of(fact)
    return fact_marks.withdraw_facts(
        patient=fact.patient, target=target, key=key, kind=KIND, reason=reason, by=by, item=item
    )
