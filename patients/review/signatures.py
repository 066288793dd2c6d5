"""The signatures of investigators on captured forms, visits and casebooks: one password for all of it (SIG-01).

A signature on a visit or a casebook also signs each form in it that has no valid signature. A later change of a
form therefore invalidates the signatures on the form, its visit and its casebook, and no others (SIG-02).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Signature
from audit.stored_text import Text
from audit.system_texts import actor_words
from audit.trail import history_model
from patients.models import Patient, Record, Visit
from patients.participation.lifecycle import (
    lock_patient,
    lock_patients,
    lock_visit,
    refuse_locked_form,
    refuse_when_locked,
)
from protocol.values.labels import exact
from trials.reader import reader_language

Versions = Mapping[int, int]


def unsigned(patient: Patient, *, sent: Collection[str] = (), by: User | None = None) -> list[Record]:
    """Return the complete forms without a valid signature, with their marks, in the order of the visits.

    sent: forms (`record:version`) of a page that is sent; those that the person signed since (a second click) are
    returned too. Two queries if forms were sent, else one.
    """
    found = in_force(patient, state=Record.State.COMPLETE)
    return _waiting(found, sent, by)


def waiting(rows: "QuerySet[Record]", *, sent: Collection[str], by: User) -> list[Record]:
    """Return those of the forms that are complete and without a valid signature, patient by patient.

    sent: as in `unsigned`. Five queries, whatever the number of patients.
    """
    complete = rows.filter(state=Record.State.COMPLETE).with_marks()  # type: ignore[attr-defined]
    # Prefetched, not joined: a join would repeat the text of the protocol in every row.
    read = complete.select_related("visit").prefetch_related("patient__trial", "protocol")
    found = sorted(read, key=lambda record: (record.patient.number, *_visit_order(record)))
    return _waiting(found, sent, by)


def _waiting(found: Sequence[Record], sent: Collection[str], by: User | None) -> list[Record]:
    mine: set[int] = set()
    if by is not None and sent:
        kind, keys = Record._meta.label_lower, [record.pk for record in found]
        valid = Signature.objects.filter(target_type=kind, target_id__in=keys, invalidated_at=None)
        mine = set(valid.filter(signer_id=by.pk).values_list("target_id", flat=True))
    return [
        record
        for record in found
        if not getattr(record, "is_signed", False)
        or (record.pk in mine and f"{record.pk}:{record.version}" in sent)
    ]


def in_force(patient: Patient, **only: Any) -> list[Record]:
    """Return the forms that are not struck out, with their marks, in the order of the visits. One query."""
    rows = Record.objects.filter(patient=patient).exclude(state=Record.State.STRUCK_OUT).with_marks()
    found = list(rows.filter(**only).select_related("visit", "protocol"))
    for record in found:
        record.patient = patient
    return sorted(found, key=_visit_order)


def _visit_order(record: Record) -> tuple[Any, ...]:
    visit = record.visit
    # The rows of logs belong to no visit: they come last.
    at = (visit.position, visit.number) if visit else (99_999, 0)
    return (*at, record.form, record.repeat)


@transaction.atomic
def sign_records(*, records: Sequence[Record], meaning: str, password: str, by: User) -> list[Signature]:
    """Sign complete forms with one password: all of them, or none.

    Raises ValidationError without a form, for one that is locked, not complete or changed since it was read, and for
    a wrong password.
    """
    if not records:
        raise ValidationError(_("Choose at least one form."))
    seen = {record.pk: record.version for record in records}
    chosen = Record.objects.filter(pk__in=list(seen))
    lock_patients(Patient.objects.filter(pk__in=chosen.order_by().values("patient_id")))
    # Checked on the rows read under the lock: a colleague may have changed a form since it was read.
    rows = list(chosen.select_related("protocol", "visit", "patient__trial").order_by("pk"))
    for row in rows:
        refuse_when_locked(row.patient)
        refuse_locked_form(row, row.visit)
        _refuse(row, seen)
    zone = rows[0].protocol.rules.trial.site.time_zone
    return signatures.sign_many(targets=rows, meaning=meaning, password=password, by=by, zone=zone)


@transaction.atomic
def sign_visit(*, visit: Visit, seen: Versions, meaning: str, password: str, by: User) -> Signature:
    """Sign a visit: its facts and all its forms. `seen`: by record key, the versions that were read.

    Raises ValidationError for a visit that was not held or is locked, a form that is not complete or was changed, added
    or struck out since, and a wrong password.
    """
    patient, row = lock_visit(visit)
    refuse_when_locked(patient)
    refuse_locked_form(None, row)
    if row.state != Visit.State.HELD:
        raise ValidationError(_("A visit is signed after it was held."))
    _sign_forms(patient, in_force(patient, visit=row), seen, meaning, password, by)
    return _sign(row, patient, meaning, password, by)


@transaction.atomic
def sign_casebook(
    *, patient: Patient, seen: Versions, meaning: str, password: str, by: User, covers: str | None = None
) -> Signature:
    """Sign the whole casebook of a patient. `seen`: by record key, the versions that were read.

    covers: `content_hash` of all that was read, forms and what is outside them; None: nothing was shown. Raises
    ValidationError for a form that is not complete or was changed, added or struck out since, for anything else that
    the signature covers and that changed since, and a wrong password.
    """
    patient = lock_patient(patient)
    refuse_when_locked(patient)
    if covers is not None and covers != signatures.content_hash(patient):
        raise ValidationError(_("Something that you sign was changed while you read: look at it again."))
    _sign_forms(patient, in_force(patient), seen, meaning, password, by)
    return _sign(patient, patient, meaning, password, by)


def _sign_forms(
    patient: Patient, records: list[Record], seen: Versions, meaning: str, password: str, by: User
) -> None:
    if {record.pk for record in records} != set(seen):
        raise ValidationError(_("A form was added or struck out while you read: look at it again."))
    for record in records:
        _refuse(record, seen)
    if waiting := [record for record in records if not getattr(record, "is_signed", False)]:
        zone = patient.protocol.rules.trial.site.time_zone
        signatures.sign_many(targets=waiting, meaning=meaning, password=password, by=by, zone=zone)


def _sign(target: Visit | Patient, patient: Patient, meaning: str, password: str, by: User) -> Signature:
    zone = patient.protocol.rules.trial.site.time_zone
    return signatures.sign(target=target, meaning=meaning, password=password, by=by, zone=zone)


def _refuse(record: Record, seen: Versions) -> None:
    if record.state != Record.State.COMPLETE:
        raise ValidationError(
            _("A form that is not complete cannot be signed: %(form)s.") % {"form": record.form}
        )
    if record.version != seen.get(record.pk):
        raise ValidationError(_("A form was changed while you read it: %(form)s.") % {"form": record.form})


@dataclass(frozen=True, slots=True)
class ChangesSinceSignature:
    """One item that changed after the last signature on its form: the values before and after, who and why."""

    label: str
    old: str
    new: str
    who: str
    reason: Text


def changes_since_signature(records: Sequence[Record]) -> dict[int, list[ChangesSinceSignature]]:
    """Return by record key the changes since the last signature; a form never signed is absent. Two queries."""
    rows = Signature.objects.filter(
        target_type="patients.record", target_id__in=[record.pk for record in records]
    )
    last = dict(rows.order_by("pk").values_list("target_id", "target_history"))
    by_record = {record.pk: record for record in records if record.pk in last}
    found: dict[int, list[ChangesSinceSignature]] = {key: [] for key in by_record}
    before: dict[int, Any] = {}
    columns = ("id", "values", "history_id", "history_full_name", "history_change_reason")
    past = history_model(Record)._default_manager.filter(id__in=list(by_record))
    for key, values, number, who, reason in past.order_by("history_id").values_list(*columns):
        if last[key] is not None and number > last[key]:
            found[key] += _differences(by_record[key], before.get(key, {}), values, who, reason or "")
        before[key] = values
    return found


def _differences(record: Record, old: Any, new: Any, who: str, reason: Text) -> list[ChangesSinceSignature]:
    language = reader_language()
    return [
        ChangesSinceSignature(
            label=item.label.in_language(language),
            old=exact(old.get(item.name), item, language, _),
            new=exact(new.get(item.name), item, language, _),
            who=actor_words(who),
            reason=reason,
        )
        for item in record.protocol.rules.form(record.form).items
        if old.get(item.name) != new.get(item.name)
    ]
