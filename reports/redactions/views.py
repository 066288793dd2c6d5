"""Pages of redactions: ask for one from an entry of the trail, decide as the second person, and list them (AUD-12)."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import sent_or_kept
from audit.models import Redaction
from audit.redactions.redaction import (
    FreeText,
    ask_redaction,
    confirm_redaction,
    free_texts,
    holds_free_text,
    refuse_redaction,
    text_of,
)
from audit.sealing.seal_files import SealBroken
from audit.trail import history_model, model_labelled, title_of, trail_of
from patients.models import Record
from patients.queries.filters import ANY
from protocol.document.items import CHOICE_TYPES, Form
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.listing import Column, Listing, choice_text
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
from trials.reader import reader_language


class AskRedactionForm(VerbForm):
    """Which text of the entry, which characters of it, and why they have to go."""

    place = forms.ChoiceField(label=gettext_lazy("Text"), widget=forms.RadioSelect)
    text = forms.CharField(
        label=gettext_lazy("What is to be masked"),
        max_length=200,
        help_text=gettext_lazy("As it stands there. It is not stored: only where it stands."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Without repeating what is to be masked."),
    )

    def __init__(self, *args: Any, texts: list[FreeText], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["place"]
        chosen.choices = [(each.place, f"{each.label}: {each.text}") for each in texts]


class DecideRedactionForm(VerbForm):
    """The reason of a refusal; masking needs none beside that of the person who asked."""

    refusal = forms.CharField(
        label=gettext_lazy("Why the text stays"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class RedactionFilter(django_filters.FilterSet):
    """Filters of the list."""

    state = django_filters.ChoiceFilter(
        label=gettext_lazy("Status"), choices=Redaction.State.choices, empty_label=ANY
    )

    class Meta:
        model = Redaction
        fields = ["state"]


def visible_redactions(request: TrialRequest) -> QuerySet[Redaction]:
    """Return the redactions of the trial in rows that the reader may see."""
    rows = Redaction.objects.filter(trial_id=request.trial.pk)
    return rows.filter(see__in=["", *map(str, request.access.permissions)])


def _table(row: Redaction) -> str:
    model = model_labelled(row.table)
    return title_of(model) if model is not None else row.table


def columns(codes: dict[int, str]) -> tuple[Column, ...]:
    """Return the columns; `codes` names the patients."""
    return (
        Column(name="number", label=gettext_lazy("No."), value=lambda row: row.pk, sort=("id",), css="num"),
        Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: codes.get(row.patient_id, ""),
               css="code"),
        Column(name="table", label=gettext_lazy("In"), value=lambda row: row.table, text=_table),
        Column(name="reason", label=gettext_lazy("Reason"), value=lambda row: row.reason, free_text=True, css="wide"),
        Column(name="asked_by", label=gettext_lazy("Asked by"), value=lambda row: row.asked_by_name, free_text=True),
        Column(name="asked_at", label=gettext_lazy("Asked at"), value=lambda row: row.asked_at, css="nowrap"),
        Column(name="state", label=gettext_lazy("Status"), value=lambda row: row.state,
               text=choice_text(Redaction, "state"), decides=True),
        Column(name="decided_by", label=gettext_lazy("Decided by"), value=lambda row: row.decided_by_name,
               free_text=True),
        Column(name="decided_at", label=gettext_lazy("Decided at"), value=lambda row: row.decided_at, css="nowrap"),
        Column(name="refusal", label=gettext_lazy("Refused because"), value=lambda row: row.refusal, free_text=True),
        Column(name="places", label=gettext_lazy("Places masked"), value=lambda row: row.places, css="num"),
    )  # fmt: skip


@trial_page(see=P.SEE_TRAIL)
def redactions(request: TrialRequest) -> HttpResponseBase:
    """List what was masked or is to be masked: who asked, who decided, why; never the text."""
    rows = visible_redactions(request)
    may = request.access.may(P.REDACT)
    codes = dict(request.trial.patients.values_list("pk", "code"))
    page = Listing(
        request,
        queryset=rows,
        columns=columns(codes),
        sort="-number",
        filterset=RedactionFilter(request.GET, queryset=rows),
        row_url=(lambda row: reverse("reports:redaction", args=[request.trial.slug, row.pk]))
        if may
        else None,
        name="redactions",
        empty=gettext_lazy(
            "Nothing was masked. An entry of the audit trail leads to the page that asks for it."
        ),
    )
    return page.response("reports/redactions.html")


def _form_of(model: Any, entry: Any) -> Form | None:
    """Return the form that an entry of the trail is about, or None if it is about no form."""
    if model is not Record:
        return None
    rules = ProtocolVersion.objects.get(pk=entry.protocol_id).rules
    return rules.forms.get(entry.form)


def _about(request: TrialRequest, model: Any, entry: Any, form: Form | None) -> str:
    """Return the subject of an entry: the patient, and the form or the table."""
    patient = request.trial.patients.filter(pk=entry.history_patient).values_list("code", flat=True).first()
    title = form.title.in_language(reader_language()) if form else str(title_of(model))
    return ", ".join(filter(None, (patient, title)))


def _maskable_texts(model: Any, entry: Any, form: Form | None, may: Collection[str]) -> list[FreeText]:
    """Return the texts that the reader may read, with the labels of their items; a ticked choice is no text."""
    found = []
    for each in free_texts(model, entry):
        if each.see and each.see not in may:
            continue
        item = form.item(each.item) if form and each.item and each.item in form else None
        if item is None:
            found.append(each)
        elif item.type != "yes_no" and not (item.type in CHOICE_TYPES and each.text in _codes(item)):
            found.append(replace(each, label=item.label.in_language(reader_language())))
    return found


def _codes(item: Any) -> set[str]:
    return {str(choice.code) for choice in item.choices}


@trial_page(see=P.REDACT, change=P.REDACT)
def redaction_ask(request: TrialRequest, table: str, entry: int) -> HttpResponse:
    """Ask that a text of an entry of the trail be masked."""
    model = model_labelled(table)
    if model is None or not holds_free_text(model):
        raise Http404
    if trail_of(model).see not in {"", *map(str, request.access.permissions)}:
        raise Http404
    past = history_model(model)._base_manager
    row = get_object_or_404(past, history_id=entry, history_trial=request.trial.pk)
    crf = _form_of(model, row)
    form = AskRedactionForm(
        sent_or_kept(request), texts=_maskable_texts(model, row, crf, request.access.permissions)
    )
    arguments = {"trial_id": request.trial.pk, "model": model, "row": entry, "by": request.user}
    if request.method == "POST" and form.is_valid() and _asked(form, arguments):
        messages.success(request, _("Another person decides now whether the text is masked."))
        return redirect("reports:redactions", request.trial.slug)
    status = 422 if request.method == "POST" else 200
    texts = form.fields["place"].choices  # type: ignore[attr-defined]
    context = {"form": form, "about": _about(request, model, row, crf), "texts": texts}
    return render(request, "reports/redaction_ask.html", context, status=status)


@trial_page(see=P.REDACT, change=P.REDACT)
def redaction(request: TrialRequest, number: int) -> HttpResponse:
    """Show what is to be masked; the second person masks it or refuses."""
    row = get_object_or_404(visible_redactions(request), pk=number)
    form = DecideRedactionForm(sent_or_kept(request))
    if request.method == "POST" and form.is_valid() and _decided(request, row, form):
        return redirect("reports:redactions", request.trial.slug)
    waiting = row.state == Redaction.State.ASKED
    context = {
        "form": form,
        "redaction": row,
        "about": _about_of(request, row),
        "text": text_of(row) if waiting else "",
        "may_decide": waiting and row.asked_by != request.user.pk,
    }
    return render(request, "reports/redaction.html", context, status=422 if request.method == "POST" else 200)


def _asked(form: AskRedactionForm, arguments: dict[str, Any]) -> bool:
    return bool(form.run(ask_redaction, **arguments, **form.cleaned_data))


def _about_of(request: TrialRequest, row: Redaction) -> str:
    model = model_labelled(row.table)
    if model is None:
        return row.table
    entry = history_model(model)._base_manager.get(history_id=row.row)
    return _about(request, model, entry, _form_of(model, entry))


def _decided(request: TrialRequest, row: Redaction, form: DecideRedactionForm) -> bool:
    arguments = {"redaction": row, "by": request.user}
    if "confirm" not in request.POST:
        if not form.run(refuse_redaction, reason=form.cleaned_data["refusal"], **arguments):
            return False
        messages.success(request, _("The text stays as it is."))
        return True
    try:
        masked = form.run(confirm_redaction, **arguments)
    except SealBroken as broken:
        form.add_error(
            None, _("The trail could not be sealed, so nothing was masked: %(why)s") % {"why": broken}
        )
        return False
    if masked:
        messages.success(request, _("The text is masked, in %(number)s places.") % {"number": form.result})
        return True
    return False
