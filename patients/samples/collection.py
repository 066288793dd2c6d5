"""Samples collected at visits, or not collected with the reason; corrected and struck out with a reason."""

from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Aliquot, Patient, Sample, SampleMovement, Visit
from patients.participation.consents.consent import consents_of
from patients.participation.death import sample_after_death
from patients.participation.lifecycle import lock_patient, lock_visit, refuse_closed_form, refuse_when_closed
from patients.participation.logs.log_rows import correct_row, next_row_number, refuse_stale_row, strike_row
from patients.participation.questions import Question, ask
from patients.samples.expected import plans_at
from patients.samples.identifiers import sample_code
from patients.samples.ledger import Kind, append, in_force_of
from patients.samples.sample_deviations import note_samples
from protocol.document.samples import MOST_ALIQUOTS, SamplePlan
from protocol.values.moments import Moment
from trials.reader import shown_day, shown_moment


class CollectionFacts(TypedDict):
    """The facts of a collection that a person enters: when, by whom, and a note."""

    collected: Moment
    collected_by: str
    note: str


@transaction.atomic
def collect_sample(
    *,
    visit: Visit,
    plan: str,
    aliquots: int,
    facts: CollectionFacts,
    by: User,
    save_key: str = "",
    confirmed: str = "",
) -> Sample:
    """Record that a sample was collected and divided into aliquots. The same `save_key` again returns the first row.

    Raises ValidationError by field: no consent before it, after consent for samples was withdrawn, a missed visit, a
    kind that the protocol does not take there or that is recorded already, a time to come, under a freeze or lock.
    Raises Questioned for a day outside the window of the visit or after the death that is not `confirmed`.
    """
    patient, visit = lock_visit(visit)
    if save_key and (existing := Sample.objects.filter(patient=patient, save_key=save_key).first()):
        return existing
    planned = _open_place(patient, visit, plan)
    if not 1 <= aliquots <= MOST_ALIQUOTS:
        text = _("Enter a number from 1 to %(most)s.") % {"most": MOST_ALIQUOTS}
        raise ValidationError({"aliquots": text})
    stored = _checked(patient, facts)
    ask(_questions(patient, visit, facts["collected"]), confirmed)
    sample = _added(patient, visit, planned, by, save_key, **stored)
    tubes = Aliquot.objects.bulk_create(_tubes(sample, patient, planned, aliquots))
    append(tubes, Kind.COLLECTED, facts["collected"], done_by=stored["collected_by"], by=by)
    return sample


@transaction.atomic
def record_not_collected(*, visit: Visit, plan: str, reason: str, by: User, save_key: str = "") -> Sample:
    """Record that a sample was not collected, with the reason; a required one opens a deviation.

    Raises ValidationError like `collect_sample`, without a reason, and before the visit was held.
    """
    patient, visit = lock_visit(visit)
    if save_key and (existing := Sample.objects.filter(patient=patient, save_key=save_key).first()):
        return existing
    planned = _open_place(patient, visit, plan)
    if visit.state != Visit.State.HELD:
        raise ValidationError({"place": _("Record first that the visit was held.")})
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it was not collected.")})
    sample = _added(patient, visit, planned, by, save_key, not_collected_reason=reason.strip())
    note_samples(patient, [sample.pk], by)
    return sample


@transaction.atomic
def correct_sample(
    *,
    sample: Sample,
    facts: CollectionFacts,
    change_reason: str,
    version: int,
    by: User,
    confirmed: str = "",
) -> Sample:
    """Correct when and by whom a sample was collected, with a reason: the ledger reverses and repeats it.

    Raises ValidationError and Questioned like `collect_sample`, if the row changed meanwhile, for a sample that was not
    collected, and for a time after the next step of one of its tubes.
    """
    patient, row = _locked(sample, version)
    if not row.taken:
        raise ValidationError(_("It was not collected: strike this row out and record the collection."))
    stored = _checked(patient, facts)
    tubes = list(row.aliquots.order_by("number"))
    ledger = in_force_of(tubes)
    for tube in tubes:
        later = ledger[tube.pk][1:2]
        if later and facts["collected"].earliest > later[0].at:
            text = _("%(tube)s: this is after %(at)s, when it was recorded as “%(kind)s”.")
            words = {"at": shown_moment(later[0].moment), "kind": later[0].get_kind_display()}
            raise ValidationError({"collected": text % {"tube": tube.code, **words}})
    if stored["collected"] != row.collected:
        ask(_questions(patient, row.visit, facts["collected"]), confirmed)
    moved = (stored["collected"], stored["collected_by"]) != (row.collected, row.collected_by)
    correct_row(row, stored, change_reason)
    if moved:
        reverse_rows([ledger[tube.pk][0] for tube in tubes], change_reason.strip(), by)
        append(tubes, Kind.COLLECTED, facts["collected"], done_by=stored["collected_by"], by=by)
        note_samples(patient, [row.pk], by)
    return row


@transaction.atomic
def strike_out_sample(*, sample: Sample, change_reason: str, version: int, by: User) -> Sample:
    """Strike out a sample that was entered in error, with the reason. Its tubes are counted no more.

    Raises ValidationError while a later step of one of its tubes is in force: that is reversed first.
    """
    patient, row = _locked(sample, version)
    tubes = list(row.aliquots.all())
    moved = [tube.code for tube in tubes if tube.state != Aliquot.State.COLLECTED]
    if moved:
        text = _("Reverse the later steps of %(tubes)s first.")
        raise ValidationError(text % {"tubes": ", ".join(moved)})
    strike_row(row, change_reason)
    note_samples(patient, [row.pk], by)
    return row


def reverse_rows(rows: list[SampleMovement], reason: str, by: User) -> None:
    """Add the reversal of each movement. The caller brings the state of the tubes up to date."""
    SampleMovement.objects.bulk_create(
        SampleMovement(
            aliquot_id=row.aliquot_id,
            patient_id=row.patient_id,
            kind=Kind.REVERSED,
            moment=row.moment,
            at=row.at,
            done_by=by.full_name,
            reason=reason,
            reverses=row,
            recorded_by=by,
        )
        for row in rows
    )


def _open_place(patient: Patient, visit: Visit, plan: str) -> SamplePlan:
    """Return the plan of a sample that may be recorded at a visit now. Raises ValidationError."""
    refuse_when_closed(patient)
    refuse_closed_form(None, visit)
    if visit.state in (Visit.State.MISSED, Visit.State.CANCELLED):
        text = _("%(visit)s did not take place: no sample was collected there.")
        raise ValidationError({"place": text % {"visit": visit.key}})
    planned = next((each for each in plans_at(patient, visit) if each.code == plan), None)
    if planned is None:
        raise ValidationError({"place": _("The protocol takes no such sample at this visit.")})
    if Sample.objects.filter(visit=visit, plan=plan).in_force().exists():
        raise ValidationError({"place": _("This sample is recorded already: correct it there.")})
    return planned


def _checked(patient: Patient, facts: CollectionFacts) -> dict[str, Any]:
    moment = facts["collected"]
    error = _time_error(patient, moment)
    errors = {"collected": error} if error else {}
    if not facts["collected_by"].strip():
        errors["collected_by"] = _("Say who collected it.")
    if errors:
        raise ValidationError(dict(errors))
    return {
        "collected": moment.iso,
        "collected_at": moment.earliest,
        "collected_by": facts["collected_by"].strip(),
        "note": facts["note"].strip(),
    }


def _time_error(patient: Patient, moment: Moment) -> str:
    day = _day(patient, moment)
    if moment.earliest > timezone.now():
        return _("This time has not come yet. Check the date.")
    consents = consents_of(patient)
    if not consents:
        return _("No consent is recorded: no sample is taken before it.")
    if moment.earliest < consents[0].given_at:
        text = _("This is before the consent of %(given)s: no sample of the trial is taken before it.")
        return text % {"given": consents[0].given_words}
    if patient.samples_withdrawn_on and day > patient.samples_withdrawn_on:
        text = _("Consent for samples was withdrawn on %(day)s: no sample is taken after it.")
        return text % {"day": shown_day(patient.samples_withdrawn_on)}
    if patient.data_withdrawn_on and day > patient.data_withdrawn_on:
        text = _("Consent for new data was withdrawn on %(day)s: no sample is taken after it.")
        return text % {"day": shown_day(patient.data_withdrawn_on)}
    return ""


def _questions(patient: Patient, visit: Visit, moment: Moment) -> list[Question]:
    day, first, last = _day(patient, moment), visit.window_from, visit.window_to
    found = sample_after_death(patient, moment)
    if first is not None and last is not None and not first <= day <= last:
        text = _("%(day)s is outside the window of %(visit)s, %(first)s to %(last)s.")
        words = {"day": shown_day(day), "first": shown_day(first), "last": shown_day(last)}
        code = f"sample:window:{visit.pk}:{day}:{first}:{last}"
        address = ("patients:visit", (patient.trial.slug, patient.code, visit.key), "")
        found.append(Question(code, text % {"visit": visit.key, **words}, address, _("Correct the visit")))
    return found


def _day(patient: Patient, moment: Moment) -> Any:
    return patient.trial.day_of(moment.earliest)


def _added(
    patient: Patient, visit: Visit, plan: SamplePlan, by: User, save_key: str, **stored: Any
) -> Sample:
    number = next_row_number(Sample.objects.filter(patient=patient))
    code = sample_code(trial=patient.trial_id, patient=patient.number, sample=number)
    sample: Sample = Sample.objects.create(
        patient=patient,
        visit=visit,
        number=number,
        plan=plan.code,
        specimen=plan.specimen,
        code=code,
        recorded_by=by,
        save_key=save_key,
        **stored,
    )
    return sample


def _tubes(sample: Sample, patient: Patient, plan: SamplePlan, count: int) -> list[Aliquot]:
    names = {"trial": patient.trial_id, "patient": patient.number, "sample": sample.number}
    return [
        Aliquot(
            sample=sample,
            patient=patient,
            number=number,
            code=sample_code(**names, aliquot=number),
            volume_ml=plan.volume_ml,
            state=Aliquot.State.COLLECTED,
        )
        for number in range(1, count + 1)
    ]


def _locked(sample: Sample, version: int) -> tuple[Patient, Sample]:
    patient = lock_patient(sample.patient)
    refuse_when_closed(patient)
    # Read after the patient's lock: every step on the samples of a patient takes it first.
    row: Sample = Sample.objects.select_related("visit").get(pk=sample.pk)
    row.patient = row.visit.patient = patient
    refuse_closed_form(None, row.visit)
    refuse_stale_row(row, version)
    return patient, row
