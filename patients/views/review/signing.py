"""Pages on which an investigator signs forms, a visit or a casebook, and the listing of forms to sign."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from audit.signatures import content_hash
from patients.casebook.navigation import form_address
from patients.casebook.signed_parts import parts_of
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
from patients.views.site_logs.contacts import with_links
from patients.views.visits import address_of, visit_of
from trials.access import TrialRequest, trial_page
from trials.listing import Listing, Selection
from trials.listing.selection import numbers_of
from trials.permissions import Permission as P

AT_ONCE = 100


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
    records, after = signatures.in_force(patient), casebook_of(patient)
    return _whole(
        request,
        patient,
        records,
        verb,
        title,
        after,
        contacts=with_links(request, patient),
        parts=parts_of(patient),
        covers=content_hash(patient),
    )


def _whole(
    request: TrialRequest,
    patient: Patient,
    records: list[Record],
    verb: Callable[..., Any],
    title: str,
    after: str,
    **covered: Any,
) -> HttpResponse:
    """Show the forms, and what else the signature covers, to be signed."""
    visits = visits_to_sign(records)
    whole = {"covers": request.POST.get("covers", "")} if "covers" in covered else {}

    def do(form: SignWholeForm) -> bool:
        seen = form.cleaned_data["seen"]
        done = form.run(verb, seen=seen, by=request.user, **whole, **_signature_arguments(form))
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
        **covered,
    )


def _signature_arguments(form: SignForm) -> dict[str, str]:
    return {"meaning": form.cleaned_data["meaning"], "password": form.cleaned_data["password"]}


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def sign_ticked(request: TrialRequest) -> HttpResponse:
    """Show the forms ticked in the listing, of all patients; sign the chosen ones with one password."""
    sent = request.POST.getlist("chosen")
    ticked, too_many = _ticked(request)
    visits = visits_to_sign(ticked, of_several=True)

    def do(form: SignForm) -> bool:
        records = form.records()
        verb = partial(signatures.sign_records, records=records, by=request.user)
        done = form.run(verb, **_signature_arguments(form))
        if done:
            text = ngettext("%(count)d form is signed.", "%(count)d forms are signed.", len(records))
            messages.success(request, text % {"count": len(records)})
        return done

    every = [each.value for visit in visits for each in visit.forms]
    return step(
        request,
        partial(SignForm, visits=visits),  # type: ignore[arg-type]
        "patients/sign_ticked.html",
        do,
        lambda form: reverse("patients:to-sign", args=[request.trial.slug]),
        number=len(every),
        ticked=sent if request.method == "POST" else every,
        reviewed=request.POST.getlist("reviewed"),
        too_many=too_many,
        most=AT_ONCE,
    )


def _ticked(request: TrialRequest) -> tuple[list[Record], bool]:
    """Return the ticked forms of this trial that wait for a signature, and whether more than AT_ONCE were ticked.

    The address of the page names them. The second of two clicks finds those that the first one has signed.
    """
    keys = numbers_of(request.GET.getlist("row"))
    sent = request.POST.getlist("chosen")
    rows = Record.objects.visible_to(request.user).filter(patient__trial=request.trial, pk__in=keys[:AT_ONCE])
    return signatures.waiting(rows, sent=sent, by=request.user), len(keys) > AT_ONCE


def _selection(slug: str) -> Selection:
    return Selection(
        url=reverse("patients:sign-ticked", args=[slug]), label=gettext_lazy("Read and sign the ticked forms")
    )


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
        selection=_selection(slug) if signs else None,
        name="to-sign",
        empty=_("Every complete form is signed."),
    )
    wholes = [] if listing.wants_csv else invalidated_signatures(request.access)
    return listing.response("patients/to_sign.html", {"wholes": wholes, "may_sign": signs})
