"""Forms of drug safety: the judgement of a case, the decision on a clock, the follow-up of a report."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext_lazy as _

from patients.participation.answer_layout import answers
from patients.participation.forms import StepForm
from protocol.values.moments import Moment
from safety import choices
from safety.event_fields import CHOOSE, cause_fields
from safety.models import SPONSOR_CAUSES, AdverseEvent, CaseDecision
from safety.sponsor.cases import CaseJudgement, versions_at_onset
from trials.date_fields import MomentField
from trials.reader import shown_moment

LONG = forms.Textarea(attrs={"rows": 2})


class CaseForm(StepForm):
    """The judgement of a case. No answer is chosen before; a stored one is shown to be changed with a reason."""

    def __init__(self, *args: Any, event: AdverseEvent, **kwargs: Any) -> None:
        self.event = event
        kwargs.setdefault("initial", _shown(event))
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(answers(self), "version")
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=event.case_version)

    def add_fields(self, zone: str) -> None:
        rules = self.event.patient.protocol.rules
        self.fields["sponsor_aware"] = MomentField(
            label=_("Sponsor learned of the event"),
            zone=zone,
            help_text=_("With the data that make a report valid. This day is day 0 of the clocks."),
        )
        self.fields["sponsor_causality"] = forms.ChoiceField(
            label=_("Causality of the product"),
            choices=[("", _("Not judged")), *choices.causalities(rules)],
            required=False,
        )
        self.fields.update(cause_fields(rules, "sponsor_"))
        self.fields["expectedness"] = forms.ChoiceField(
            label=_("Expectedness"),
            choices=[("", _("Not judged")), *AdverseEvent.Expectedness.choices],
            required=False,
            help_text=_("As if the product had been given. Everybody who sees the event sees it."),
        )
        offered = [(each, each) for each in versions_at_onset(self.event)]
        self.fields["reference_version"] = forms.ChoiceField(
            label=_("Reference safety information"), choices=[CHOOSE, *offered], required=False
        )
        self.fields["sponsor_comment"] = forms.CharField(
            label=_("Comment of the sponsor"),
            required=False,
            max_length=2000,
            widget=LONG,
            help_text=_("Everybody who sees the event reads it: write nothing about the treatment given."),
        )
        if self.event.with_sponsor:
            self.fields["known"] = MomentField(
                label=_("Sponsor learned of what changes it"),
                zone=zone,
                required=False,
                help_text=_("A new clock starts then. Empty: when the sponsor learned of the event."),
            )
            self.fields["reason"] = forms.CharField(
                label=_("Reason for the change"), max_length=1000, widget=LONG
            )

    def judgement(self) -> CaseJudgement:
        """Return the answers as the verb takes them."""
        names = CaseJudgement.__annotations__
        found = {name: value for name, value in self.cleaned_data.items() if name in names}
        return CaseJudgement(**found)  # type: ignore[typeddict-item]


def _shown(event: AdverseEvent) -> dict[str, Any]:
    aware = shown_moment(Moment.from_iso(event.sponsor_aware)) if event.sponsor_aware else ""
    names = (*SPONSOR_CAUSES, "expectedness", "reference_version", "sponsor_comment")
    return {"sponsor_aware": aware, **{name: getattr(event, name) for name in names}}


class CaseDecisionForm(StepForm):
    """The decision on a case: sent, or not reportable."""

    result = forms.ChoiceField(
        label=_("Decision"), choices=CaseDecision.Result.choices, widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label=_("Reason or reference"),
        required=False,
        max_length=2000,
        widget=LONG,
        help_text=_("Needed if it is not reportable. Only drug safety reads this page."),
    )
    late_reason = forms.CharField(
        label=_("Reason for a late report"),
        required=False,
        max_length=2000,
        widget=LONG,
        help_text=_("Needed after the deadline."),
    )

    def add_fields(self, zone: str) -> None:
        self.fields["at"] = MomentField(label=_("Sent or decided"), zone=zone)
        self.order_fields(["result", "at", "reason", "late_reason"])


class FollowUpForm(StepForm):
    """When the follow-up of a fatal or life-threatening SUSAR was sent."""

    late_reason = forms.CharField(
        label=_("Reason for a late report"),
        required=False,
        max_length=2000,
        widget=LONG,
        help_text=_("Needed after the deadline."),
    )

    def add_fields(self, zone: str) -> None:
        self.fields["at"] = MomentField(label=_("Follow-up sent"), zone=zone)
        self.order_fields(["at", "late_reason"])
