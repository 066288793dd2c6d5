"""Pages that correct or strike out consent, inclusion, screen failure, end of study and the day of a visit."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from patients.entry.files.consent_scans import KEY, receive_scan, scan_of
from patients.models import Consent, Patient
from patients.participation import corrections, disposition, visits
from patients.participation.consents import consent_corrections, consent_withdrawal
from patients.participation.correction_forms import (
    CorrectConsentForm,
    CorrectDayForm,
    CorrectEndForm,
    CorrectFailureForm,
    StepCorrectionForm,
    WithdrawConsentForm,
    stored_consent,
)
from patients.views.identity_looks import record_look
from patients.views.next_ways import say
from patients.views.participation import casebook_of, patient_of, step
from patients.views.visits import address_of, visit_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


def correction(
    request: TrialRequest,
    form_class: Any,
    verb: Callable[..., Any],
    patient: Patient,
    *,
    title: str,
    words: str,
    action: str,
    done: str,
    danger: bool = False,
    stored_words: str = "",
    ways: Sequence[tuple[str, str]] = (),
) -> HttpResponse:
    """Show a correction and its effects; store it once they are confirmed. done: address of the page that follows.

    stored_words, ways: what is said once it is stored, with (text, address) of what there is to do next.
    """

    def do(form: StepCorrectionForm) -> bool:
        stored = form.run_asking(patient, verb, by=request.user, **form.facts())
        if stored:
            say(request, stored_words or _("The correction is stored."), *ways)
        return stored

    return step(
        request,
        form_class,
        "patients/correction.html",
        do,
        lambda form: done,
        patient=patient,
        title=title,
        words=words,
        action=action,
        danger=danger,
    )


def consent_of(patient: Patient, number: int) -> Consent:
    """Return a consent of the patient by its key. Raises Http404."""
    found = get_object_or_404(Consent, patient=patient, pk=number)
    found.patient = patient
    return found


def consents_page(patient: Patient) -> str:
    """Return the address of the consents of a patient."""
    return reverse("patients:consent", args=[patient.trial.slug, patient.code])


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def correct_consent(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Correct a consent. Showing the name of a representative is recorded (PRV-04)."""
    patient = patient_of(request, code)
    row = consent_of(patient, number)
    if row.representative_name:
        record_look(request, patient)

    refused = receive_scan(request, patient)

    def verb(**facts: Any) -> Consent:
        if refused:
            raise ValidationError({"scan": refused})
        scan = scan_of(patient, request.POST.get(KEY, ""))
        return consent_corrections.correct_consent(consent=row, scan=scan, **facts)

    return correction(
        request,
        partial(CorrectConsentForm, initial=stored_consent(row)),
        verb,
        patient,
        title=_("Correct the consent"),
        words=_("The earlier facts stay in the audit trail, with your reason."),
        action=_("Store the correction"),
        done=consents_page(patient),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike_consent(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Strike out a consent recorded in error."""
    patient = patient_of(request, code)
    row = consent_of(patient, number)
    return correction(
        request,
        StepCorrectionForm,
        partial(consent_corrections.strike_out_consent, consent=row),
        patient,
        title=_("Strike out the consent of %(day)s") % {"day": row.given_words},
        words=_("The consent stays visible, struck out. It counts no more."),
        action=_("Strike out the consent"),
        done=consents_page(patient),
        danger=True,
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def withdraw_consent(request: TrialRequest, code: str) -> HttpResponse:
    """Record or correct for which part of the trial consent is withdrawn."""
    patient = patient_of(request, code)
    initial: dict[str, Any] = {name: getattr(patient, name) for name in consent_withdrawal.PARTS}
    return correction(
        request,
        partial(WithdrawConsentForm, initial=initial | {"note": patient.withdrawal_note}),
        partial(consent_withdrawal.withdraw_consent, patient=patient),
        patient,
        title=_("Withdrawal of consent"),
        words=_(
            "Enter the day for each part that the patient withdrew from. The rest goes on; what was collected is kept, "
            "and adverse events are still reported. A change of a day that is recorded needs a reason."
        ),
        action=_("Record the withdrawal"),
        done=consents_page(patient),
        danger=True,
        stored_words=_(
            "The withdrawal is recorded: what it no longer allows is not due any more. Settle the visits until that "
            "day; if the patient leaves the trial, record the end of study."
        ),
        ways=[
            (_("Visits in the casebook"), casebook_of(patient)),
            (_("End of study"), reverse("patients:end", args=[patient.trial.slug, patient.code])),
        ],
    )


@trial_page(see=P.SCREEN, change=P.SCREEN)
def correct_screening(request: TrialRequest, code: str) -> HttpResponse:
    """Correct the day of screening."""
    patient = patient_of(request, code)
    return correction(
        request,
        partial(CorrectDayForm, initial={"on": patient.screened_on}),
        partial(corrections.correct_screening, patient=patient),
        patient,
        title=_("Correct the day of screening"),
        words=_("Visits counted from the screening are planned again."),
        action=_("Store the correction"),
        done=casebook_of(patient),
    )


@trial_page(see=P.ENROL, change=P.ENROL)
def correct_inclusion(request: TrialRequest, code: str) -> HttpResponse:
    """Correct the day of inclusion."""
    patient = patient_of(request, code)
    return correction(
        request,
        partial(CorrectDayForm, initial={"on": patient.enrolled_on}),
        partial(corrections.correct_inclusion, patient=patient),
        patient,
        title=_("Correct the inclusion"),
        words=_("Visits and infusions counted from the inclusion are planned again."),
        action=_("Store the correction"),
        done=casebook_of(patient),
    )


@trial_page(see=P.ENROL, change=P.ENROL)
def strike_inclusion(request: TrialRequest, code: str) -> HttpResponse:
    """Strike out an inclusion made in error."""
    patient = patient_of(request, code)
    return correction(
        request,
        StepCorrectionForm,
        partial(corrections.strike_out_inclusion, patient=patient),
        patient,
        title=_("Strike out the inclusion"),
        words=_(
            "The patient is in screening again. This is possible while nothing depends on the inclusion."
        ),
        action=_("Strike out the inclusion"),
        done=casebook_of(patient),
        danger=True,
    )


@trial_page(see=P.ENROL, change=P.ENROL)
def correct_failure(request: TrialRequest, code: str) -> HttpResponse:
    """Correct a screen failure."""
    patient = patient_of(request, code)
    initial = {"on": patient.failed_on, "failure_reason": patient.failure_reason}
    return correction(
        request,
        partial(CorrectFailureForm, initial=initial),
        partial(corrections.correct_failure, patient=patient),
        patient,
        title=_("Correct the screen failure"),
        words=_("The earlier facts stay in the audit trail, with your reason."),
        action=_("Store the correction"),
        done=casebook_of(patient),
    )


@trial_page(see=P.ENROL, change=P.ENROL)
def strike_failure(request: TrialRequest, code: str) -> HttpResponse:
    """Strike out a screen failure recorded in error."""
    patient = patient_of(request, code)
    return correction(
        request,
        StepCorrectionForm,
        partial(corrections.strike_out_failure, patient=patient),
        patient,
        title=_("Strike out the screen failure"),
        words=_("The patient is in screening again."),
        action=_("Strike out the screen failure"),
        done=casebook_of(patient),
        danger=True,
    )


@trial_page(see=P.ENROL, change=P.ENROL)
def correct_end(request: TrialRequest, code: str) -> HttpResponse:
    """Correct the end of study."""
    patient = patient_of(request, code)
    initial = {"on": patient.ended_on, "end_reason": patient.end_reason, "note": patient.end_note}
    return correction(
        request,
        partial(CorrectEndForm, initial=initial),
        partial(disposition.correct_end, patient=patient),
        patient,
        title=_("Correct the end of study"),
        words=_("The earlier facts stay in the audit trail, with your reason."),
        action=_("Store the correction"),
        done=casebook_of(patient),
    )


@trial_page(see=P.SIGN_ELIGIBILITY, change=P.SIGN_ELIGIBILITY)
def reopen(request: TrialRequest, code: str) -> HttpResponse:
    """Reopen the ended study of a patient: only an investigator does."""
    patient = patient_of(request, code)
    return correction(
        request,
        StepCorrectionForm,
        partial(disposition.reopen_study, patient=patient),
        patient,
        title=_("Reopen the study of %(patient)s") % {"patient": patient.code},
        words=_(
            "The patient is in follow-up again, and the visits to come are due. The end stays in the audit trail."
        ),
        action=_("Reopen the study"),
        done=casebook_of(patient),
        danger=True,
        stored_words=_("The study is reopened: enter the visits to come, then record its end again."),
        ways=[
            (
                _("Calendar of this patient"),
                reverse("reports:patient-calendar", args=[patient.trial.slug, code]),
            ),
            (_("End of study"), reverse("patients:end", args=[patient.trial.slug, code])),
        ],
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike_visit(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Take back that a visit was held or missed."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)
    row.patient = patient
    return correction(
        request,
        StepCorrectionForm,
        partial(visits.strike_out_visit, visit=row),
        patient,
        title=_("Strike out the day of %(visit)s") % {"visit": row.key},
        words=_("The visit is neither held nor missed any more. Its forms are struck out first."),
        action=_("Strike out the day"),
        done=address_of(row, patient),
        danger=True,
    )
