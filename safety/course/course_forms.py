"""Forms of the course of an event: a grade from a moment on, and a link to a form or an infusion."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from safety.course.links import targets_of
from safety.event_fields import CHOOSE
from safety.forms import EventStepForm
from safety.models import EventLink
from safety.terms import picker
from trials.date_fields import MomentField


class GradeForm(EventStepForm):
    """A grade that the event has from a moment on."""

    grade = forms.ChoiceField(label=_("New grade"), widget=forms.RadioSelect)

    def add_fields(self, zone: str) -> None:
        grade: Any = self.fields["grade"]
        version = self.event.patient.trial.rules.safety.ctcae
        offered = picker.offered(self.event.term, version)
        grade.choices = offered.choices
        grade.error_messages["invalid_choice"] = offered.missing
        when = _("dd-MMM-yyyy hh:mm, or the part that is known")
        self.fields["since"] = MomentField(label=_("Since"), zone=zone, partial=True, help_text=when)
        self.fields["known"] = MomentField(
            label=_("Site learned of the death"),
            zone=zone,
            required=False,
            help_text=_("Only for grade 5 of an event that was not serious: the 24 hours start then."),
        )

    def facts(self) -> dict[str, Any]:
        return {**self.cleaned_data, "grade": int(self.cleaned_data["grade"])}


class LinkForm(EventStepForm):
    """The target of a link of the event, and its kind."""

    def add_fields(self, zone: str) -> None:
        patient = self.event.patient
        offered = [(each.key, each.label) for each in targets_of(patient)]
        self.fields["target"] = forms.ChoiceField(label=_("Form or infusion"), choices=[CHOOSE, *offered])
        self.fields["role"] = forms.ChoiceField(
            label=_("Relation to the event"), choices=[CHOOSE, *EventLink.Role.choices]
        )
