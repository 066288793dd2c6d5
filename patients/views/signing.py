"""Pages on which an investigator signs forms, a visit or a casebook, and the listing of forms to sign."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from patients.casebook.navigation import form_address
from patients.models import Patient, Record
from patients.review import signatures
from patients.review.signature_content import SignForm, SignWholeForm, visits_to_sign
from patients.review.unsigned import (
    TO_SIGN_COLUMNS,
    ToSignFilter,
    invalidated_signatures,
    with_last_signature,
)
from patients.views.participation import casebook_of, patient_of, step
from patients.views.visits import address_of, visit_of
from trials.access import TrialRequest, trial_page
from trials.listing import Listing
from trials.permissions import Permission as P


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def sign(request: TrialRequest, code: str) -> HttpResponse:
    """Show the complete, unsigned forms by visit; sign the chosen ones with one password."""
    patient = patient_of(request, code)
    sent = request.POST.getlist("chosen")
    visits = visits_to_sign(signatures.unsigned(patient, sent=sent, by=request.user))

    def do(form: SignForm) -> bool:
        records = form.records()
        done = form.run(
            signatures.sign_records, records=records, by=request.user, **_signature_arguments(form)
        )
        if done:
            text = ngettext("%(count)d form is signed.", "%(count)d forms are signed.", len(records))
            messages.success(request, text % {"count": len(records)})
        return done

    return step(
        request,
        partial(SignForm, visits=visits),  # type: ignore[arg-type]
        "patients/sign.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        number=sum(len(visit.forms) for visit in visits),
        ticked=sent,
        reviewed=request.POST.getlist("reviewed"),
    )


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def sign_visit(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Show all forms of a visit; sign the visit."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)
    row.patient = patient
    records = signatures.in_force(patient, visit=row)
    verb = partial(signatures.sign_visit, visit=row)
    title = _("Sign the visit %(visit)s") % {"visit": row.key}
    return _whole(request, patient, records, verb, title, address_of(row, patient))


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def sign_casebook(request: TrialRequest, code: str) -> HttpResponse:
    """Show the whole casebook of a patient; sign it."""
    patient = patient_of(request, code)
    verb = partial(signatures.sign_casebook, patient=patient)
    title = _("Sign the casebook")
    return _whole(request, patient, signatures.in_force(patient), verb, title, casebook_of(patient))


def _whole(
    request: TrialRequest,
    patient: Patient,
    records: list[Record],
    verb: Callable[..., Any],
    title: str,
    after: str,
) -> HttpResponse:
    visits = visits_to_sign(records)

    def do(form: SignWholeForm) -> bool:
        seen = form.cleaned_data["seen"]
        done = form.run(verb, seen=seen, by=request.user, **_signature_arguments(form))
        if done:
            messages.success(request, _("Signed, with every form in it."))
        return done

    return step(
        request,
        partial(SignWholeForm, visits=visits),  # type: ignore[arg-type]
        "patients/sign_whole.html",
        do,
        lambda form: after,
        patient=patient,
        title=title,
        back=after,
        number=len(records),
        drafts=[record for record in records if record.state != Record.State.COMPLETE],
        reviewed=request.POST.getlist("reviewed"),
    )


def _signature_arguments(form: SignForm) -> dict[str, str]:
    return {"meaning": form.cleaned_data["meaning"], "password": form.cleaned_data["password"]}


@trial_page(see=P.SEE_TRIAL)
def to_sign(request: TrialRequest) -> HttpResponseBase:
    """List the complete forms without a valid signature, and visits and casebooks that lost theirs (SIG-02)."""
    slug, signs = request.trial.slug, request.access.may(P.SIGN)
    rows = Record.objects.visible_to(request.user).filter(patient__trial=request.trial)
    rows = with_last_signature(rows.filter(state=Record.State.COMPLETE).with_marks().filter(is_signed=False))

    def open_row(record: Record) -> str:
        if signs:
            return reverse("patients:sign", args=[slug, record.patient.code])
        return form_address(record.patient, record.form, record.visit, record.repeat, slug=slug)

    listing = Listing(
        request,
        queryset=rows.select_related("patient", "visit", "protocol").defer("values"),
        columns=TO_SIGN_COLUMNS,
        sort="patient",
        filterset=ToSignFilter(request.GET, queryset=rows),
        row_url=open_row,
        name="to-sign",
        empty=_("Every complete form is signed."),
    )
    wholes = [] if listing.wants_csv else invalidated_signatures(request.access)
    return listing.response("patients/to_sign.html", {"wholes": wholes, "may_sign": signs})
