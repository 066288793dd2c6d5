"""Source data verification outside the forms: events, infusions, consents, eligibility and the end of study."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import BadRequest, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from patients.casebook.facts import KINDS, Fact, patient_of_row
from patients.models import FactMark, Patient
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from protocol.document.document import Protocol
from trials.models import Trial

MOST = 2000
Place = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class FactToVerify:
    """One fact to tick. `changed` is True if it was verified and differs since."""

    fact: Fact
    changed: bool

    @property
    def value(self) -> str:
        """Return the value of the box: the fact, with a digest of what was read."""
        target, key, item = place_of(self.fact)
        return f"{target}:{key}:{item}:{_digest(self.fact)}"


@dataclass(frozen=True, slots=True)
class RowToVerify:
    """One row outside the forms with its facts to tick."""

    title: str
    page: str
    lines: tuple[FactToVerify, ...]


def place_of(fact: Fact) -> Place:
    """Return what identifies a fact: kind, key of the row and name."""
    return fact.kind.target, fact.row.pk, fact.item


def _digest(fact: Fact) -> str:
    return hashlib.sha256(fact.compared.encode()).hexdigest()[:16]


def blocks(patient: Patient) -> list[RowToVerify]:
    """Return the rows with facts to compare with their source. Four queries for each planned kind, none without."""
    found: dict[tuple[str, int], list[FactToVerify]] = {}
    for line in _lines([patient.pk], {patient.protocol_id: patient.protocol.rules}):
        found.setdefault(place_of(line.fact)[:2], []).append(line)
    return [RowToVerify(lines[0].fact.title, lines[0].fact.page, tuple(lines)) for lines in found.values()]


def count_by_patient(trial: Trial, versions: Mapping[int, Protocol]) -> Mapping[int, int]:
    """Return the number of facts to verify by patient. One query, and four for each planned kind."""
    if not any(rules.monitoring.planned_facts for rules in versions.values()):
        return {}
    patients = Patient.objects.filter(trial=trial).values_list("pk", flat=True)
    return count_of(list(patients), versions)


def count_of(patients: Sequence[int], versions: Mapping[int, Protocol]) -> Mapping[int, int]:
    """Return the number of facts to verify by patient. Four queries for each planned kind."""
    return Counter(line.fact.patient.pk for line in _lines(patients, versions))


def _lines(patients: Sequence[int], versions: Mapping[int, Protocol]) -> list[FactToVerify]:
    """Return the planned facts that have a value and no mark that still holds."""
    kinds = {target for rules in versions.values() for target in rules.monitoring.planned_facts}
    found = []
    for target in (each for each in KINDS if each in kinds):
        rows = KINDS[target].of_patients(patients)
        compared = standing(target, [row.pk for row in rows])
        for row in rows:
            rules = versions.get(patient_of_row(row).protocol_id)
            if rules is None or KINDS[target].obstacle(row):
                continue
            planned, known = rules.monitoring.planned_facts.get(target, ()), KINDS[target].facts(row)
            for item in planned:
                fact, mark = Fact(KINDS[target], row, item, known), compared.get((row.pk, item))
                if fact.value and (mark is None or mark.compared != fact.compared):
                    found.append(FactToVerify(fact, mark is not None))
    return found


def standing(target: str, keys: Iterable[int]) -> dict[tuple[int, str], FactMark]:
    """Return the marks that were not ended, by row and fact. One query."""
    rows = FactMark.objects.filter(target=target, target_id__in=list(keys), ended_at=None)
    return {(mark.target_id, mark.item): mark for mark in rows.select_related("by")}


def seen_in(sent: Sequence[str]) -> dict[Place, str]:
    """Return the digests by fact from the boxes of a page. Raises BadRequest for anything else."""
    found: dict[Place, str] = {}
    for text in sent[: MOST + 1]:
        target, key, item, digest = (*text.split(":"), "", "", "", "")[:4]
        if (
            text.count(":") != 3
            or target not in KINDS
            or not (key.isascii() and key.isdigit() and len(key) < 19)
        ):
            raise BadRequest(_("These are no entries of this page."))
        found[target, int(key), item] = digest
    if len(found) > MOST:
        raise BadRequest(_("These are no entries of this page."))
    return found


@transaction.atomic
def verify_facts(*, patient: Patient, seen: Mapping[Place, str], by: User, role: str) -> int:
    """Mark facts as compared with their source and return their number. A mark that holds already is kept.

    Raises ValidationError, and marks nothing, for a locked patient, a fact that is not planned, and one that changed
    since it was read.
    """
    patient = lock_patient(patient)
    refuse_when_locked(patient)
    waiting = {
        place_of(line.fact): line
        for line in _lines([patient.pk], {patient.protocol_id: patient.protocol.rules})
    }
    marked = 0
    for place, digest in seen.items():
        line = waiting.get(place)
        if line is None and _holds(patient, place):
            continue
        if line is None:
            raise ValidationError(_("An entry is not planned for verification, or there is no such entry."))
        if _digest(line.fact) != digest:
            raise ValidationError(
                _("%(entry)s was changed while you read it: look at it again.") % {"entry": line.fact.words}
            )
        _mark(patient, line.fact, by, role)
        marked += 1
    return marked


def _holds(patient: Patient, place: Place) -> bool:
    target, key, item = place
    rows = FactMark.objects.filter(patient=patient, target=target, target_id=key, item=item)
    return bool(rows.filter(ended_at=None).exists())


def _mark(patient: Patient, fact: Fact, by: User, role: str) -> None:
    target, key, item = place_of(fact)
    place = {"target": target, "target_id": key, "item": item}
    changed = system_text("mark.changed")
    with because(changed):
        FactMark.objects.filter(**place, ended_at=None).update(ended_at=timezone.now(), ended_because=changed)
    FactMark.objects.create(patient=patient, **place, compared=fact.compared, by=by, role=role)


@transaction.atomic
def withdraw_fact(*, fact: Fact, reason: str, by: User) -> None:
    """Withdraw the verification of a fact. Raises ValidationError without a reason or a mark, or if it is locked."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the mark is withdrawn.")})
    refuse_when_locked(lock_patient(fact.patient))
    target, key, item = place_of(fact)
    rows = FactMark.objects.filter(target=target, target_id=key, item=item, ended_at=None)
    with because(reason.strip()):
        if not rows.update(ended_at=timezone.now(), ended_because=reason.strip()):
            raise ValidationError(_("This entry has no mark: there is nothing to withdraw."))
