"""Pages of a patient's steps: screening, identity, consent, eligibility, inclusion, end of study."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.sessions.kept_forms import kept_data
from patients.entry.files.consent_scans import receive_scan, scan_of
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Identity, Patient, Query
from patients.participation import disposition, enrolment, screening
from patients.participation.consents import consent as consents
from patients.participation.consents.consent_withdrawal import PARTS
from patients.participation.correction_forms import CorrectCapacityForm, NewConsentForm
from patients.participation.eligibility_decisions import assessment_age, eligibility
from patients.participation.eligibility_decisions.decision_review import change_words
from patients.participation.end_forms import EndOfStudyForm
from patients.participation.forms import (
    CapacityForm,
    EligibilityForm,
    EnrolForm,
    FailForm,
    IdentityForm,
    ScreeningForm,
    StepForm,
)
from patients.participation.identities.identity import IDENTITY_FIELDS, shown_birth_date
from patients.views.death_links import death_words
from patients.views.fact_links import fact_links, links_of
from patients.views.identity_looks import record_look
from patients.views.input_places import places_of_inputs
from trials.access import TrialRequest, trial_page
from trials.date_fields import DayField
from trials.permissions import Permission as P


def patient_of(request: TrialRequest, code: str) -> Patient:
    """Return the patient of this trial. Raises Http404 if there is none, or the person may not see the patient."""
    rows = Patient.objects.visible_to(request.user).select_related("trial", "protocol")
    return get_object_or_404(rows, trial=request.trial, code=code)


def casebook_of(patient: Patient) -> str:
    """Return the address of a patient's casebook."""
    return reverse("reports:casebook", args=[patient.trial.slug, patient.code])


def step(
    request: TrialRequest,
    form_class: type[StepForm],
    template: str,
    do: Callable[[Any], bool],
    done: Callable[[Any], str],
    *,
    patient: Patient | None = None,
    typed: PageDraft | None = None,
    **context: Any,
) -> HttpResponse:
    """Render a form; on POST call `do` and redirect to `done(form)`, or render the form again with its errors (422).

    do: returns True if the step was carried out. What was typed and not saved is shown again: see `PageDraft`.
    typed: the draft of a form that has another address than its page.
    """
    typed = typed or PageDraft(request, patient)
    form = form_class(typed.sent, trial=request.trial, patient=patient)
    if request.method != "POST" and form.is_bound and not form.fields.keys() & form.data.keys():
        # What was kept when the session ended was typed into another form of this page.
        form = form_class(None, trial=request.trial, patient=patient)
    if (kept := typed.answer(form)) is not None:
        return kept
    status = 200
    if request.method == "POST":
        if form.is_valid() and do(form):
            return finished(typed, done(form))
        typed.keep(form)
        status = 422
    typed.show(form)
    return render(request, template, {"form": form, "patient": patient, **context}, status=status)


@trial_page(see=P.SCREEN, change=P.SCREEN)
def screen(request: TrialRequest) -> HttpResponse:
    """Screen a new patient."""

    def do(form: ScreeningForm) -> bool:
        return form.run(
            screening.screen,
            trial=request.trial,
            screened_on=form.cleaned_data["screened_on"],
            identity=form.identity(),
            by=request.user,
            save_key=form.cleaned_data["save_key"],
            may_identify=request.access.may(P.SEE_IDENTITY),
        )

    return step(request, ScreeningForm, "patients/screen.html", do, lambda form: casebook_of(form.result))


@trial_page(see=P.SEE_IDENTITY, change=P.SCREEN)
def identity(request: TrialRequest, code: str) -> HttpResponse:
    """Show or correct the identifying data of a patient. Every look is recorded (PRV-04)."""
    patient = patient_of(request, code)
    row = get_object_or_404(Identity, patient=patient)
    record_look(request, patient)
    birth_date = shown_birth_date(row.birth_date)
    initial = {name: getattr(row, name) for name in IDENTITY_FIELDS} | {"birth_date": birth_date}

    def do(form: IdentityForm) -> bool:
        return form.run(
            screening.correct_identity,
            patient=patient,
            identity=form.identity(),
            reason=form.cleaned_data["reason"],
            by=request.user,
            may_identify=request.access.may(P.SEE_IDENTITY),
        )

    if request.method == "GET":
        form = IdentityForm(kept_data(request), initial=initial, trial=request.trial, patient=patient)
        context = {
            "form": form,
            "patient": patient,
            "identity": row,
            "birth_date": birth_date,
            "may_correct": request.access.may(P.SCREEN),
        }
        return render(request, "patients/identity.html", context)
    return step(
        request,
        IdentityForm,
        "patients/identity.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        identity=row,
        birth_date=birth_date,
        may_correct=True,
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def consent(request: TrialRequest, code: str) -> HttpResponse:
    """List the consents and record one."""
    patient = patient_of(request, code)
    refused = receive_scan(request, patient)
    recorded = _with_links(request, patient)

    def do(form: NewConsentForm) -> bool:
        if refused:
            form.add_error("scan", refused)
            return False
        scan = scan_of(patient, form.cleaned_data["scan_key"])
        verb = partial(consents.record_consent, patient=patient, scan=scan)
        return form.run_asking(patient, verb, by=request.user, **form.facts())

    return step(
        request,
        NewConsentForm,
        "patients/consent.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        consents=recorded,
        may_see_files=request.access.may(P.SEE_FILES),
        may_enter=request.access.may(P.ENTER_DATA),
        due_since=consents.reconsent_due_since(patient),
        open=patient.state in consents.OPEN_STATES,
        withdrawals=[
            (words, day) for name, words in PARTS.items() if (day := getattr(patient, name)) is not None
        ],
    )


def _with_links(request: TrialRequest, patient: Patient) -> list[Any]:
    """Return the consents, each with its bubbles as `asked`. Two queries."""
    rows = list(patient.consents.select_related("recorded_by", "scan"))
    for row in rows:
        row.patient = patient
    links = fact_links(request.access, Query.Target.CONSENT, rows)
    return [(row, links[row.pk]) for row in rows]


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def capacity(request: TrialRequest, code: str) -> HttpResponse:
    """Record that the patient can decide again."""
    patient = patient_of(request, code)
    due_since = consents.reconsent_due_since(patient)

    def do(form: Any) -> bool:
        verb = partial(consents.record_capacity, patient=patient)
        if isinstance(form, CorrectCapacityForm):
            return form.run_asking(patient, verb, by=request.user, **form.facts())
        return form.run(verb, by=request.user, **form.cleaned_data)

    correcting = partial(CorrectCapacityForm, initial={"regained_on": due_since})
    return step(
        request,
        correcting if due_since else CapacityForm,  # type: ignore[arg-type]
        "patients/capacity.html",
        do,
        lambda form: reverse("patients:consent", args=[patient.trial.slug, code]),
        patient=patient,
    )


def typed_day(request: TrialRequest, patient: Patient) -> date | None:
    """Return the intended day of inclusion from the form or the address, None if there is no valid one.

    The page evaluates the criteria for this day, so that it shows the results that will be signed.
    """
    field = DayField(zone=patient.protocol.rules.trial.site.time_zone, required=False)
    try:
        return field.clean((request.POST or request.GET).get("inclusion_on", ""))
    except ValidationError:
        return None


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TRIAL, change=P.SIGN_ELIGIBILITY)
def decide(request: TrialRequest, code: str) -> HttpResponse:
    """Show every criterion with its inputs; store and sign the investigator's conclusion."""
    patient = patient_of(request, code)

    def do(form: StepForm) -> bool:
        return form.run(eligibility.sign_eligibility, patient=patient, by=request.user, **form.cleaned_data)

    decisions = eligibility.decisions(patient)
    day = typed_day(request, patient) or eligibility.day_signed_for(decisions)
    changes = decisions[0].changes if decisions and decisions[0].changed_at else []
    may_decide = patient.state == Patient.State.SCREENING or bool(patient.enrolled_on and changes)
    evaluation = eligibility.evaluate(patient, inclusion_on=day)
    evaluated_for = patient.enrolled_on or day or patient.trial.today
    for row in decisions:
        if row.protocol_id == patient.protocol_id:
            row.protocol = patient.protocol
    links = fact_links(request.access, Query.Target.ELIGIBILITY, decisions)
    latest = links[decisions[0].pk] if decisions else {}
    return step(
        request,
        partial(EligibilityForm, filled_in=day),  # type: ignore[arg-type]
        "patients/eligibility.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        evaluation=evaluation,
        first=[(each, latest.get(each.id), places_of_inputs(each, patient)) for each in evaluation.first],
        allowing=[(each, latest.get(each.id), ()) for each in evaluation.allowing],
        assessment=assessment_age.valid_words(patient, evaluation.assessed),
        too_old=assessment_age.refusal(patient, evaluation.assessed, evaluated_for)
        if patient.state == Patient.State.SCREENING
        else "",
        evaluated_for=evaluated_for,
        decisions=[(row, links[row.pk].get("conclusion")) for row in decisions],
        changes=change_words(patient, changes),
        may_sign=request.access.may(P.SIGN_ELIGIBILITY) and may_decide,
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENROL)
def enrol(request: TrialRequest, code: str) -> HttpResponse:
    """Show the obstacles to inclusion; include the patient if there are none."""
    patient = patient_of(request, code)

    def do(form: StepForm) -> bool:
        done = form.run(enrolment.enrol, patient=patient, by=request.user, **form.cleaned_data)
        if done:
            messages.success(
                request, _("%(patient)s is included; the visits are planned.") % {"patient": code}
            )
        return done

    decision = eligibility.latest_decision(patient) if request.access.may(P.ENROL) else None
    return step(
        request,
        partial(EnrolForm, filled_in=decision.inclusion_on if decision else None),  # type: ignore[arg-type]
        "patients/enrol.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        refusals=enrolment.enrolment_refusals(patient),
        may_enrol=request.access.may(P.ENROL),
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENROL)
def fail(request: TrialRequest, code: str) -> HttpResponse:
    """Record a screen failure."""
    patient = patient_of(request, code)

    def do(form: StepForm) -> bool:
        return form.run(screening.fail_screening, patient=patient, by=request.user, **form.cleaned_data)

    return step(
        request,
        FailForm,
        "patients/fail.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        may_enrol=request.access.may(P.ENROL),
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENROL)
def end(request: TrialRequest, code: str) -> HttpResponse:
    """Record the end of study."""
    patient = patient_of(request, code)

    def do(form: EndOfStudyForm) -> bool:
        return form.run(
            disposition.end_study,
            patient=patient,
            by=request.user,
            confirmed=form.confirmed,
            **form.facts(),
        )

    return step(
        request,
        EndOfStudyForm,
        "patients/end.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        may_enrol=request.access.may(P.ENROL),
        may_reopen=request.access.may(P.SIGN_ELIGIBILITY),
        death=death_words(patient),
        asked=links_of(request.access, Query.Target.DISPOSITION, patient) if patient.ended_on else {},
    )
