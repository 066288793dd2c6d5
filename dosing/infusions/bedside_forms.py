"""The bedside forms: weight of the day, infusion given, infusion not given. No input has a default (DAT-01)."""

from typing import Any, ClassVar

from crispy_forms.layout import Div
from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from dosing.infusions import administration
from dosing.infusions.course import planned_volume
from dosing.infusions.weights import last_weight
from dosing.models import Infusion
from dosing.patient_dose import asks_weight
from dosing.versioned_forms import LineField, RowForm, YesNoField
from dosing.worksheet.dispensed import asks_kit
from patients.participation.answer_layout import answer, boxes, section
from trials.date_fields import MomentField
from trials.measure_fields import MeasureField
from trials.reader import shown_moment, shown_number

State = Infusion.State


class WeightForm(RowForm):
    """The weight of the day, so that the product can be prepared for it (CEL-09)."""

    asked_in_order: ClassVar[tuple[str, ...]] = ("weight_kg", "weight_measured", "weight_confirmation")

    weight_kg = MeasureField(label=gettext_lazy("Weight of the day (kg)"), unit="kg", places=2)
    weight_confirmation = LineField(
        label=gettext_lazy("How the weight was confirmed"), required=False, max_length=500
    )

    def stored(self) -> dict[str, Any]:
        if self.row.weight_kg is None:
            return {}
        return {
            "weight_kg": shown_number(self.row.weight_kg),
            "weight_measured": shown_moment(self.row.weight_measured),
            "weight_confirmation": self.row.weight_confirmation,
        }

    def add_fields(self, zone: str) -> None:
        if asks_weight(self.row):
            self.fields["weight_kg"].help_text = known_weight(self.row)
            self.fields["weight_measured"] = MomentField(label=gettext_lazy("Weight measured at"), zone=zone)
        else:
            del self.fields["weight_kg"], self.fields["weight_confirmation"]
        self.ask_why()

    def ask_why(self) -> None:
        """Add the field for the reason if a weight was saved before."""
        if self.row.weight_kg is not None:
            self.add_reason(required=True)

    def sections(self) -> list[Any]:
        return [section(gettext_lazy("Weight of the day"), *self.weight()), *self.why()]

    def weight(self) -> list[Any]:
        """Return the layout of the weight fields, with the confirmation once it is needed. Empty if none is asked."""
        if "weight_kg" not in self.fields:
            return []
        confirmation = [answer("weight_confirmation")] if self.is_needed("weight_confirmation") else []
        return [answer("weight_kg"), answer("weight_measured"), *confirmation]

    def save(self, *, by: User) -> bool:
        return self.run(administration.record_weight, infusion=self.row, by=by, **self.facts_given())


class BedsideForm(WeightForm):
    """An infusion given at the bedside: the same fields in both arms."""

    asked_in_order = (
        *WeightForm.asked_in_order, "started", "ended", "volume_ml", "timing_deviation_reason", "late_reason",
        "interrupted", "interruption_reason", "premedication", "tolerated", "tolerance_note",
    )  # fmt: skip

    volume_ml = MeasureField(label=gettext_lazy("Volume infused (mL)"), unit="mL", places=2)
    timing_deviation_reason = LineField(
        label=gettext_lazy("Reason for the timing"),
        required=False,
        help_text=gettext_lazy("When it was given outside the days of the protocol: this is a deviation."),
    )
    late_reason = LineField(
        label=gettext_lazy("Documented late because"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy(
            "When no kit was dispensed and compared: a second person signs it, and it is a deviation."
        ),
    )
    interrupted = YesNoField(label=gettext_lazy("Was it interrupted?"))
    interruption_reason = LineField(
        label=gettext_lazy("Reason for the interruption"),
        required=False,
        help_text=gettext_lazy("When it was interrupted."),
    )
    premedication = LineField(
        label=gettext_lazy("Premedication"),
        required=False,
        help_text=gettext_lazy("Medicine and dose, or none."),
    )
    tolerated = YesNoField(label=gettext_lazy("Was it well tolerated?"), required=False)
    tolerance_note = LineField(
        label=gettext_lazy("What was not tolerated"),
        required=False,
        help_text=gettext_lazy("When it was not well tolerated; report it as an adverse event too."),
    )

    def stored(self) -> dict[str, Any]:
        row, weight = self.row, super().stored()
        if row.state != State.GIVEN:
            return weight
        words = ("timing_deviation_reason", "interrupted", "interruption_reason", "premedication", "tolerated",
                 "tolerance_note")  # fmt: skip
        times = {"started": shown_moment(row.started), "ended": shown_moment(row.ended)}
        return {**weight, **times, "volume_ml": shown_number(row.volume_ml)} | {
            name: getattr(row, name) for name in words
        }

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["volume_ml"].help_text = planned_volume(self.row)
        if not asks_kit(self.row.patient):
            del self.fields["late_reason"]
        self.fields["started"] = MomentField(label=gettext_lazy("Start"), zone=zone)
        self.fields["ended"] = MomentField(label=gettext_lazy("End"), zone=zone)

    def ask_why(self) -> None:
        if self.row.state != State.PLANNED:
            self.add_reason(required=True)
        elif self.row.weight_kg is not None:
            self.add_reason(
                required=False, help_text=gettext_lazy("When the weight that was saved is changed.")
            )

    def sections(self) -> list[Any]:
        timing = [answer("timing_deviation_reason")] if self.is_needed("timing_deviation_reason") else []
        late = [answer("late_reason")] if self.is_needed("late_reason") else []
        times = (answer("started"), answer("ended"), answer("volume_ml"), *timing, *late)
        weight = self.weight()
        return [
            *([section(gettext_lazy("Weight of the day"), *weight)] if weight else []),
            section(gettext_lazy("Infusion"), *times),
            section(
                gettext_lazy("Course"),
                boxes("interrupted"),
                answer("interruption_reason", wrapper_class="when-interrupted"),
                answer("premedication"),
                boxes("tolerated"),
                answer("tolerance_note", wrapper_class="when-not-tolerated"),
            ),
            *self.why(),
        ]

    def save(self, *, by: User) -> bool:
        facts_of_page = self.facts_given()
        version, reason = facts_of_page.pop("version"), facts_of_page.pop("reason")
        facts = administration.Bedside(**facts_of_page)  # type: ignore[typeddict-item]
        verb = administration.record_infusion
        return self.run(
            verb,
            infusion=self.row,
            facts=facts,
            version=version,
            reason=reason,
            by=by,
            confirmed=self.confirmed,
        )


class NotGivenForm(RowForm):
    """An infusion that was not given."""

    reason = forms.CharField(
        label=gettext_lazy("Why it was not given"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def sections(self) -> list[Any]:
        return [Div(Div(answer("reason", wrapper_class="wide-field"), css_class="fields"), css_class="sec")]

    def save(self, *, by: User) -> bool:
        return self.run(administration.mark_not_given, infusion=self.row, by=by, **self.cleaned_data)

    def differences(self) -> list[tuple[str, str, str]]:
        """Return the status if somebody changed it meanwhile to another than “not given”."""
        if self.row.state == State.NOT_GIVEN:
            return []
        return [(_("Status"), self.row.get_state_display(), str(State.NOT_GIVEN.label))]


def known_weight(row: Infusion) -> SafeString | str:
    """Return the last known weight with its source and day, as a hint beside the empty field."""
    known = last_weight(row)
    if known is None:
        return ""
    words = _("Last known: %(kg)s kg (%(source)s)") % {"kg": known.shown, "source": known.source}
    return format_html('<span class="known">{}</span>', words)
