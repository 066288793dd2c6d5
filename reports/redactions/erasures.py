"""The log of requests for erasure: what was asked, and the decision with its legal basis (PRV-03)."""

from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import sent_or_kept
from patients.models import ErasureRequest
from patients.participation.identities.erasure import decide_erasure, record_erasure_request
from patients.queries.filters import ANY
from trials.access import TrialRequest, trial_page
from trials.date_fields import DayField
from trials.forms import VerbForm
from trials.listing import Column, Listing, choice_text
from trials.permissions import Permission as P

# The first choice would be recorded by whoever overlooks the list.
NOT_CHOSEN = [("", "---------")]


class ErasureForm(VerbForm):
    """Whose request, when it came, and what was asked."""

    patient: Any = forms.ModelChoiceField(
        label=gettext_lazy("Patient"), queryset=None, to_field_name="code", empty_label=gettext_lazy("Choose")
    )
    received_on = DayField(label=gettext_lazy("Received on"))
    wish = forms.CharField(
        label=gettext_lazy("What was asked"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Without names and numbers of persons."),
    )

    def __init__(self, *args: Any, patients: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["patient"]
        chosen.queryset = patients


class ErasureDecisionForm(VerbForm):
    """The decision, its legal basis, and the explanation that was given."""

    decision = forms.ChoiceField(
        label=gettext_lazy("Decision"), choices=[*NOT_CHOSEN, *ErasureRequest.Decision.choices]
    )
    basis = forms.ChoiceField(
        label=gettext_lazy("Legal basis"), choices=[*NOT_CHOSEN, *ErasureRequest.Basis.choices]
    )
    explanation = forms.CharField(
        label=gettext_lazy("Explanation"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


class ErasureFilter(django_filters.FilterSet):
    """Filters of the log."""

    decision = django_filters.ChoiceFilter(
        label=gettext_lazy("Decision"), choices=ErasureRequest.Decision.choices, empty_label=ANY
    )

    class Meta:
        model = ErasureRequest
        fields = ["decision"]


COLUMNS = (
    Column(name="number", label=gettext_lazy("No."), value=lambda row: row.pk, sort=("id",), css="num"),
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code"),
    Column(name="received_on", label=gettext_lazy("Received on"), value=lambda row: row.received_on, css="nowrap"),
    Column(name="wish", label=gettext_lazy("What was asked"), value=lambda row: row.wish, free_text=True, css="wide"),
    Column(name="decision", label=gettext_lazy("Decision"), value=lambda row: row.decision,
           text=choice_text(ErasureRequest, "decision"), decides=True),
    Column(name="basis", label=gettext_lazy("Legal basis"), value=lambda row: row.basis,
           text=choice_text(ErasureRequest, "basis")),
    Column(name="explanation", label=gettext_lazy("Explanation"), value=lambda row: row.explanation, free_text=True),
    Column(name="decided_by", label=gettext_lazy("Decided by"),
           value=lambda row: row.decided_by.full_name if row.decided_by else "", free_text=True),
    Column(name="decided_at", label=gettext_lazy("Decided at"), value=lambda row: row.decided_at, css="nowrap"),
)  # fmt: skip


@trial_page(see=P.SEE_TRAIL)
def erasures(request: TrialRequest) -> HttpResponseBase:
    """List the requests for erasure and what was decided."""
    rows = ErasureRequest.objects.filter(patient__trial=request.trial)
    may = request.access.may(P.REDACT)
    page = Listing(
        request,
        queryset=rows.select_related("patient", "decided_by"),
        columns=COLUMNS,
        sort="-number",
        filterset=ErasureFilter(request.GET, queryset=rows),
        row_url=(lambda row: reverse("reports:erasure", args=[request.trial.slug, row.pk])) if may else None,
        name="erasures",
        empty=gettext_lazy("Nobody has asked that data be erased."),
    )
    return page.response("reports/erasures.html", {"may_record": may})


@trial_page(see=P.REDACT, change=P.REDACT)
def erasure_new(request: TrialRequest) -> HttpResponse:
    """Record that a patient, or somebody for the patient, asked that data be erased."""
    zone = request.trial.rules.trial.site.time_zone
    form = ErasureForm(sent_or_kept(request), zone=zone, patients=request.trial.patients.order_by("number"))
    if _is_sent(request, form) and form.run(record_erasure_request, by=request.user, **form.cleaned_data):
        messages.success(request, _("The request is recorded. Nothing was erased by that."))
        return redirect("reports:erasures", request.trial.slug)
    return _form_page(request, form, {})


@trial_page(see=P.REDACT, change=P.REDACT)
def erasure(request: TrialRequest, number: int) -> HttpResponse:
    """Show a request; decide on it."""
    rows = ErasureRequest.objects.select_related("patient", "decided_by", "recorded_by")
    row = get_object_or_404(rows, patient__trial=request.trial, pk=number)
    form = ErasureDecisionForm(sent_or_kept(request))
    if _is_sent(request, form) and form.run(
        decide_erasure, request=row, by=request.user, **form.cleaned_data
    ):
        messages.success(request, _("The decision is recorded."))
        return redirect("reports:erasures", request.trial.slug)
    return _form_page(request, form, {"erasure": row})


def _is_sent(request: TrialRequest, form: VerbForm) -> bool:
    """Return True for a valid form that was sent; what was kept when a session ended is only shown."""
    return request.method == "POST" and form.is_valid()


def _form_page(request: TrialRequest, form: VerbForm, context: dict[str, Any]) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(request, "reports/erasure.html", {"form": form, **context}, status=status)
