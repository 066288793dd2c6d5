"""Print sealed envelopes, their codes apart, and reconcile what became of each (BKP-02).

Whoever holds an envelope or a code alone learns nothing: one person prints the envelopes, another one the codes, once.
"""

import secrets
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.allocation.slots import arm_of
from dosing.envelopes.printing import PrintedCode, PrintedSheet, kept_code, refuse_finding, take_codes
from dosing.envelopes.sheet import sealed_sheet
from dosing.models import Envelope, EnvelopeCheck, Unblinding
from dosing.unblinding.exposure import names_an_arm, record_exposure
from patients.models import Patient
from patients.participation.lifecycle import lock_patient
from protocol.values.moments import Moment
from trials.models import Trial
from trials.sponsor_notices import tell_sponsor

PURPOSE = "envelopes"
Finding, State = EnvelopeCheck.Finding, Envelope.State
# What may be found of an envelope in each state, and the state that follows.
FOLLOWS = {
    (State.SEALED, Finding.INTACT): State.SEALED,
    (State.SEALED, Finding.OPENED): State.OPENED,
    (State.SEALED, Finding.DESTROYED): State.DESTROYED,
    (State.OPENED, Finding.DESTROYED): State.DESTROYED,
}


def _refuse_open(trial: Trial) -> None:
    if not trial.masked:
        raise ValidationError(_("This trial is open: there is nothing to seal."))


@transaction.atomic
def make_envelopes(*, trial: Trial, by: User) -> list[PrintedSheet[Envelope]]:
    """Make an envelope for each allocated patient who has no sealed one. Return the sheets, in the order of patients.

    Raises ValidationError in an open trial, and if every allocated patient has a sealed envelope.
    """
    _refuse_open(trial)
    trial = Trial.objects.for_update(trial.pk)
    allocated = Patient.objects.filter(trial=trial, allocation__isnull=False)
    rows = allocated.exclude(envelopes__state=State.SEALED).select_related("protocol").order_by("number")
    patients = list(rows)
    if not patients:
        raise ValidationError(_("Every patient with a treatment has a sealed envelope."))
    number = Envelope.objects.filter(trial=trial).aggregate(last=Max("number"))["last"] or 0
    return [_made(trial, patient, number + place, by) for place, patient in enumerate(patients, start=1)]


def _made(trial: Trial, patient: Patient, number: int, by: User) -> PrintedSheet[Envelope]:
    patient.trial = trial
    arm = arm_of(patient)
    if arm is None:
        raise ValidationError(_("%(patient)s has no treatment yet.") % {"patient": patient.code})
    arms = [each.code for each in patient.protocol.rules.arms]
    sheet = sealed_sheet(arms=arms, arm=arm.code, draw=secrets.randbelow)
    code = kept_code(sheet, PURPOSE)
    row = Envelope.objects.create(trial=trial, patient=patient, number=number, code=code, made_by=by)
    return PrintedSheet(row, sheet)


@transaction.atomic
def print_codes(*, trial: Trial, by: User) -> list[PrintedCode[Envelope]]:
    """Return the codes that nobody has printed yet, and delete them. Each is shown once.

    Raises ValidationError if there is none, and for the person who printed the envelopes: nobody holds both.
    """
    _refuse_open(trial)
    trial = Trial.objects.for_update(trial.pk)
    rows = Envelope.objects.select_for_update(of=("self",)).filter(trial=trial, state=State.SEALED)
    return take_codes(rows, purpose=PURPOSE, by=by)


@transaction.atomic
def record_finding(
    *,
    envelope: Envelope,
    finding: str,
    happened: Moment,
    note: str,
    by: User,
    opened_by: User | None = None,
    opened_by_name: str = "",
) -> EnvelopeCheck:
    """Record that an envelope was found intact, was opened or was destroyed.

    An opened one is an unblinding: of the person who records it, or of another who opened it; the sponsor is told. The
    same finding sent twice is one record. Raises ValidationError for a finding that cannot follow, without a reason,
    for a moment in the future, and for a text that names an arm: blinded people read it.
    """
    patient = lock_patient(envelope.patient)
    row = Envelope.objects.select_for_update(of=("self",)).get(pk=envelope.pk)
    note = note.strip()
    twice = row.checks.filter(finding=finding, happened=happened.iso, recorded_by=by, note=note).first()
    if twice is not None:
        return twice
    _check(patient, row, finding, happened, note)
    if finding == Finding.OPENED:
        _unblinded(patient, row, happened, note, by, opened_by, opened_by_name)
    row.state = FOLLOWS[State(row.state), Finding(finding)]
    row.save(update_fields=["state"])
    return EnvelopeCheck.objects.create(
        envelope=row, patient=patient, finding=finding, happened=happened.iso, note=note, recorded_by=by
    )


def _check(patient: Patient, row: Envelope, finding: str, happened: Moment, note: str) -> None:
    refuse_finding(row, finding, note, FOLLOWS)
    if patient.trial.today < happened.first_day:
        raise ValidationError({"happened": _("This lies in the future.")})
    if names_an_arm(patient.trial, note):
        raise ValidationError(
            {"note": _("Do not name the treatment: people who must not know it read this text.")}
        )


def _unblinded(
    patient: Patient,
    row: Envelope,
    happened: Moment,
    note: str,
    by: User,
    opened_by: User | None,
    opened_by_name: str,
) -> None:
    key = f"envelope-{row.pk}"
    if (opened_by is not None and opened_by.pk != by.pk) or opened_by_name.strip():
        record_exposure(
            patient=patient, known_to=opened_by, known_to_name=opened_by_name, learned=Unblinding.Learned.ARM,
            known_since=happened, reason=note, by=by, save_key=key,
        )  # fmt: skip
        return
    Unblinding.objects.create(
        patient=patient, category=Unblinding.Category.EMERGENCY, learned=Unblinding.Learned.ARM, reason=note,
        known_to=by, known_since=happened.iso, recorded_by=by, save_key=key,
    )  # fmt: skip
    tell_sponsor(trial=patient.trial, what="unblinded", by=by, subject=patient.code, patient_id=patient.pk)


def reconciled(rows: Sequence[Envelope]) -> dict[str, int]:
    """Return how many envelopes were printed, and how many are sealed, opened and destroyed."""
    states = [row.state for row in rows]
    return {"printed": len(states)} | {state.value: states.count(state) for state in State}
