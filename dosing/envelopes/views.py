"""Pages of the sealed envelopes: print them, print their codes, reconcile them; and blank worksheets (BKP-02)."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.sessions.kept_forms import sent_or_kept
from dosing.envelopes.blank import bedside_sheet, preparation_sheet
from dosing.envelopes.making import make_envelopes, print_codes, reconciled, record_finding
from dosing.models import Envelope, EnvelopeCheck
from dosing.unblinding.forms import MYSELF, may_see_people
from protocol.values.moments import Moment
from trials.access import TrialRequest, trial_page
from trials.date_fields import MomentField
from trials.forms import VerbForm
from trials.models import Delegation
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_moment

# Of the paper log of allocations: as many as one page holds.
LOG_LINES = 10


class FindingForm(VerbForm):
    """A finding about an envelope, or a step with it; of an opened one also by whom."""

    envelope = forms.ModelChoiceField(
        Envelope.objects.none(), label=gettext_lazy("Envelope"), empty_label=gettext_lazy("Choose")
    )
    finding = forms.ChoiceField(
        label=gettext_lazy("What was found or done"),
        choices=EnvelopeCheck.Finding.choices,
        widget=forms.RadioSelect,
    )
    happened = MomentField(label=gettext_lazy("When"), partial=True)
    opened_by = forms.ChoiceField(
        label=gettext_lazy("If it was opened: by whom"),
        required=False,
        help_text=gettext_lazy(
            "This person knows the treatment of the patient since then; the sponsor is told."
        ),
    )
    opened_by_name = forms.CharField(
        label=gettext_lazy("Or by somebody without a role"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("The function, such as “physician on call”."),
    )
    note = forms.CharField(
        label=gettext_lazy("Why it was opened or destroyed"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Do not name the treatment: blinded people read this."),
    )

    def __init__(self, *args: Any, trial: Any, by: User, sees_people: bool, **kwargs: Any) -> None:
        super().__init__(*args, zone=trial.time_zone, **kwargs)
        rows = Envelope.objects.filter(trial=trial).exclude(state=Envelope.State.DESTROYED)
        field: Any = self.fields["envelope"]
        field.queryset = rows.select_related("patient")
        field.label_from_instance = lambda row: f"{row} · {row.patient.code}"
        self.people = {MYSELF: by}
        if sees_people:
            held = Delegation.objects.filter(trial=trial).exclude(user=by).select_related("user")
            self.people |= {str(each.user_id): each.user for each in held.order_by("user__full_name", "pk")}
        names = [(key, person.full_name) for key, person in self.people.items()]
        self.fields["opened_by"].choices = [("", _("Nobody with a role")), *names]  # type: ignore[attr-defined]

    def facts(self) -> dict[str, Any]:
        """Return the arguments of the verb."""
        return {**self.cleaned_data, "opened_by": self.people.get(self.cleaned_data["opened_by"])}


@trial_page(see=P.SEE_TRIAL, change=P.REPORT_EXPOSURE)
def envelopes(request: TrialRequest) -> HttpResponse:
    """List the envelopes with what became of each; record what was found. Names no arm."""
    posted = request.method == "POST"
    form = FindingForm(
        sent_or_kept(request),
        trial=request.trial,
        by=request.user,
        sees_people=may_see_people(request.access),
    )
    if posted and form.is_valid() and form.run(record_finding, by=request.user, **form.facts()):
        messages.success(request, _("It is recorded."))
        return redirect("dosing:envelopes", request.trial.slug)
    visible = Envelope.objects.visible_to(request.user).filter(trial=request.trial)
    rows = list(
        visible.select_related("patient", "made_by", "codes_by").prefetch_related("checks__recorded_by")
    )
    context = {
        "lines": [(row, _checks(row, request.trial.time_zone)) for row in rows],
        "counts": reconciled(rows),
        "form": form if request.access.may(P.REPORT_EXPOSURE) and rows else None,
        "may_print": request.access.may(P.PREPARE_PRODUCT) and request.trial.masked,
    }
    return render(request, "dosing/envelopes.html", context, status=422 if posted else 200)


def _checks(row: Envelope, zone: str) -> list[tuple[str, str, str, str]]:
    """Return finding, moment, person and note of each check."""
    return [
        (
            each.get_finding_display(),
            shown_moment(Moment.from_iso(each.happened, zone)),
            each.recorded_by.full_name,
            each.note,
        )
        for each in row.checks.all()
    ]


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def make(request: TrialRequest) -> HttpResponse:
    """Print an envelope for each allocated patient without a sealed one: the answer to this step, shown once."""
    context: dict[str, Any] = {"waiting": request.trial.masked}
    status = 200
    if request.method == "POST":
        try:
            made = make_envelopes(trial=request.trial, by=request.user)
            context |= {"made": made, "titles": _titles(request), "made_at": _now(request)}
            context["sheets"] = [(each.envelope, _lines(each.sheet, context["titles"])) for each in made]
        except ValidationError as refused:
            context["problems"], status = refused.messages, 422
    return render(request, "dosing/envelopes_print.html", context, status=status)


def _now(request: TrialRequest) -> str:
    return shown_moment(timezone.now(), request.trial.time_zone)


def _titles(request: TrialRequest) -> dict[str, str]:
    return {arm.code: arm.title.in_language(reader_language()) for arm in request.trial.rules.arms}


def _lines(sheet: Any, titles: dict[str, str]) -> list[tuple[int, str, str]]:
    return [(line.number, line.check, titles.get(line.arm, line.arm)) for line in sheet.lines]


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def codes(request: TrialRequest) -> HttpResponse:
    """Print the codes of envelopes that another person printed: the answer to this step, shown once."""
    context: dict[str, Any] = {"waiting": request.trial.masked}
    status = 200
    if request.method == "POST":
        try:
            context["codes"] = print_codes(trial=request.trial, by=request.user)
            context["made_at"] = _now(request)
        except ValidationError as refused:
            context["problems"], status = refused.messages, 422
    return render(request, "dosing/envelope_codes.html", context, status=status)


@trial_page(see=P.SEE_TRIAL)
def blank_worksheets(request: TrialRequest) -> HttpResponse:
    """Show worksheets without a patient, to print: the bedside, and for who may know the treatment the preparation."""
    rules = request.trial.rules
    context = {
        "bedside": bedside_sheet(rules, reader_language()),
        "preparation": preparation_sheet() if request.access.sees_treatment else [],
        "made_at": _now(request),
        "version": rules.trial.version,
        "log_lines": range(LOG_LINES) if rules.allocation is not None else (),
    }
    return render(request, "dosing/blank_worksheets.html", context)
