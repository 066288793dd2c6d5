"""The form of the end of study: day, reason, note, and what becomes of each visit that is not settled until then."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from crispy_forms.layout import Div, Fieldset, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Patient, Visit
from patients.participation.disposition import CHOICES, Settlement
from patients.participation.forms import StepForm
from patients.participation.visits import visits_due
from trials.date_fields import DayField
from trials.reader import shown_day


class EndOfStudyForm(StepForm):
    """The end of study. A visit planned until today is held with its day, missed with its reason, or left for later."""

    reason = forms.ChoiceField(
        label=gettext_lazy("The study ended by"), choices=Patient.EndReason.choices, widget=forms.RadioSelect
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        help_text=gettext_lazy("For a withdrawal: from what the patient withdrew, in the patient's words."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facts = [self.layout_of(name) for name in ("on", "reason", "note")]
        self.helper.layout = Layout(*facts, *(self._block(visit) for visit in self.visits))

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=gettext_lazy("Day of the end of study"), zone=zone)
        self.order_fields(["on", "reason", "note"])
        self.visits: list[Visit] = []
        if self.patient is not None and self.patient.state == Patient.State.ENROLLED:
            self.visits = visits_due(self.patient, self.patient.trial.today)
        for visit in self.visits:
            for name, field in _fields_of(visit, zone):
                self.fields[name] = field

    def _block(self, visit: Visit) -> Fieldset:
        text = _("%(visit)s, planned on %(day)s") % {"visit": visit.key, "day": shown_day(visit.planned_on)}
        choice, day, reason = (self.layout_of(f"visit-{visit.key}{end}") for end in ("", "-day", "-reason"))
        return Fieldset(text, choice, Div(day, reason, css_class="field-row"), css_class="sec")

    def facts(self) -> dict[str, Any]:
        """Return the answers as the verb takes them: `settled` by visit key."""
        answers = self.cleaned_data
        return {name: answers[name] for name in ("on", "reason", "note")} | {
            "settled": self._settled(answers)
        }

    def _settled(self, answers: dict[str, Any]) -> dict[str, Settlement]:
        found: dict[str, Settlement] = {}
        for visit in self.visits:
            name = f"visit-{visit.key}"
            day: date | None = answers.get(f"{name}-day")
            reason = answers.get(f"{name}-reason", "")
            found[visit.key] = {"choice": answers.get(name, ""), "held_on": day, "missed_reason": reason}
        return found


def _fields_of(visit: Visit, zone: str) -> Iterator[tuple[str, forms.Field]]:
    name = f"visit-{visit.key}"
    yield (
        name,
        forms.ChoiceField(
            label=gettext_lazy("What becomes of this visit"),
            choices=list(CHOICES.items()),
            widget=forms.RadioSelect,
            required=False,
        ),
    )
    yield f"{name}-day", DayField(label=gettext_lazy("Held on"), zone=zone, required=False, help_text="")
    yield (
        f"{name}-reason",
        forms.CharField(label=gettext_lazy("Reason if it was missed"), max_length=1000, required=False),
    )
