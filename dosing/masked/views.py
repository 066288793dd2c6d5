"""Pages of masked results. In a masked trial blinded roles are refused, whatever was found (BLD-07)."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from dosing.masked.forms import ResultsForm
from dosing.masked.results import MaskedForm, masked_codes, masked_form
from dosing.models import MaskedResult
from dosing.product_queries.kinds import Target
from dosing.product_queries.log import product_links
from patients.casebook.form_content import form_title, line
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Patient, Record
from patients.models.visit_forms import has_form
from patients.views.participation import patient_of
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing
from trials.permissions import Permission as P
from trials.reader import reader_language

COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code",
           sort=("patient_id",)),
    Column(name="visit", label=gettext_lazy("Visit"), value=lambda row: row.visit.key, css="nowrap"),
    Column(name="held_on", label=gettext_lazy("Visit held"), value=lambda row: row.visit.held_on),
    Column(name="form", label=gettext_lazy("Sample"), value=lambda row: row.form, text=form_title),
    Column(name="results", decides=True, label=gettext_lazy("Results"),
           value=lambda row: "complete" if row.masked.is_complete else "waited_for",
           text=lambda row: _("Complete") if row.masked.is_complete else _("Waited for")),
)  # fmt: skip


@trial_page(see=P.SEE_TREATMENT)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the samples of which the protocol masks the results, and whether the results are known."""
    rows = Record.objects.visible_to(request.user).filter(
        patient__trial=request.trial, visit__isnull=False, form__in=masked_codes(request.trial)
    )
    rows = rows.exclude(state=Record.State.STRUCK_OUT).select_related("patient", "visit", "protocol")
    page = Listing(
        request,
        queryset=rows.defer("values"),
        columns=COLUMNS,
        sort="patient",
        row_url=lambda row: _address(request, row),
        prepare=lambda found: attach_results(found, request.user),
        name="masked_results",
        empty=gettext_lazy("No sample is recorded of which the protocol masks the results."),
    )
    return page.response("dosing/masked_results.html")


def attach_results(rows: Sequence[Record], user: User) -> None:
    """Set `masked` of each form to its results. One query."""
    found: dict[tuple[int, str], dict[str, MaskedResult]] = {}
    visits = [row.visit_id for row in rows]
    for result in MaskedResult.objects.visible_to(user).filter(visit__in=visits):
        found.setdefault((result.visit_id, result.form), {})[result.item] = result
    for row in rows:
        form = row.protocol.rules.form(row.form)
        row.masked = MaskedForm(row, form, found.get((row.visit_id or 0, row.form), {}))  # type: ignore[attr-defined]


def _address(request: TrialRequest, row: Record) -> str:
    visit: Any = row.visit
    return reverse("dosing:masked-result", args=[request.trial.slug, row.patient.code, visit.key, row.form])


@trial_page(see=P.SEE_TREATMENT, change=P.PREPARE_PRODUCT)
def results(request: TrialRequest, code: str, visit: str, form: str) -> HttpResponse:
    """Show the masked results of one sample; enter or amend them as a person who prepares the product."""
    patient = patient_of(request, code)
    masked, refusal = _masked_at(request, patient, visit, form)
    status = 422 if request.method == "POST" else 200
    if masked is None or not request.access.may(P.PREPARE_PRODUCT):
        context = {"patient": patient, "visit_key": visit, "refusal": refusal, **_context(request, masked)}
        return render(request, "dosing/masked_result.html", context, status=status)
    typed = PageDraft(request, patient)
    filled = ResultsForm(typed.sent, masked=masked)
    if (kept := typed.answer(filled)) is not None:
        return kept
    if request.method == "POST":
        if filled.is_valid() and filled.save(by=request.user):
            messages.success(request, _("The results are saved."))
            return finished(typed, _address(request, masked.record))
        typed.keep(filled)
    typed.show(filled)
    context = {"patient": patient, "visit_key": visit, "form": filled, **_context(request, masked)}
    return render(request, "dosing/masked_result.html", context, status=status)


def _masked_at(
    request: TrialRequest, patient: Patient, visit: str, form: str
) -> tuple[MaskedForm | None, str]:
    """Return the results of a form at a visit, or why there are none. Raises Http404 if the visit has no such form."""
    place = next((each for each in patient.visits.select_related("protocol") if each.key == visit), None)
    if place is None:
        raise Http404
    rows = Record.objects.visible_to(request.user).filter(patient=patient, form=form, visit=place)
    rows = rows.exclude(state=Record.State.STRUCK_OUT).select_related("visit", "protocol").defer("values")
    record = rows.first()
    if record is None:
        if not has_form(place.protocol or patient.protocol, form, place):
            raise Http404
        return None, _("The ward has not recorded this sample yet.")
    record.patient = patient
    masked = masked_form(record, request.user)
    return masked, "" if masked else _("The protocol masks no result of this form.")


def _context(request: TrialRequest, masked: MaskedForm | None) -> dict[str, Any]:
    if masked is None:
        return {}
    language = reader_language()
    keys = {item: row.pk for item, row in masked.rows.items()}
    links = product_links(request.access, Target.MASKED_RESULT, keys.values())
    lines = [(item, line(item, masked.value(item), language)) for item in masked.form.masked_items]
    return {
        "sample": masked.form.title.in_language(language),
        "facts": [
            (each.label, each.words, links.get(keys.get(item.name, 0), {}).get("value"))
            for item, each in lines
            if each.words
        ],
    }
