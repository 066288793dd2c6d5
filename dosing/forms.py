"""The forms of the dosing room. No clinical input has a default (DAT-01)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Self, cast

from crispy_forms.bootstrap import AppendedText
from crispy_forms.layout import Div, Field, Fieldset, Layout
from django import forms
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from dosing import administration, preparing
from dosing.dose import MILLION
from dosing.fields import MeasureField
from dosing.models import Infusion, Preparation
from dosing.weights import last_weight
from dosing.words import millions, said_moment, said_number
from patients.forms import StepForm
from trials.day_fields import MomentField
from trials.protocol_design import Arm

YES_NO = [("Y", _("Yes")), ("N", _("No"))]
SEGMENTS = "components/segments.html"


class RowForm(StepForm):
    """A form on one row as it stood when the page was made; a change of what was saved asks for a reason."""

    refused: frozenset[str] = frozenset()

    def __init__(self, *args: Any, row: Infusion, **kwargs: Any) -> None:
        self.row = row
        kwargs.setdefault("initial", self.stored())
        super().__init__(*args, trial=row.patient.trial, patient=row.patient, **kwargs)
        self.fields["version"] = forms.IntegerField(
            label=_("Version"), widget=forms.HiddenInput, initial=self.version()
        )
        self.arrange()

    def stored(self) -> dict[str, Any]:
        """Return what is stored, as a person would type it."""
        return {}

    def version(self) -> int:
        """Return the version of what is stored."""
        return self.row.version

    def sections(self) -> list[Any]:
        """Return the groups of the form."""
        return [name for name in self.fields if name != "version"]

    def arrange(self) -> None:
        """Lay the form out, after the errors are known when there are some."""
        self.helper.layout = Layout("version", *self.sections())

    def add_reason(self, *, required: bool) -> None:
        """Ask why what was saved is changed."""
        self.fields["reason"] = _line(
            _("Reason for the change"), required=required, max_length=1000,
            help_text="" if required else _("When the weight that was saved is changed."),
        )  # fmt: skip

    def carried_out(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call the verb; a refusal may ask for a field that was not shown before."""
        done = super().carried_out(verb, **arguments)
        self.refused = frozenset(self.errors)
        self.arrange()
        return done

    def save(self, *, by: User) -> bool:
        """Carry out the verb of this form. Raises Stale when the row is no longer at the version shown."""
        raise NotImplementedError

    def again(self, row: Any) -> Self:
        """Return the form with what was typed, on the row as it is stored now."""
        data = cast(QueryDict, self.data).copy()
        fresh = type(self)(data, **self.around(row))
        data["version"] = str(fresh.version())
        return fresh

    def around(self, row: Any) -> dict[str, Any]:
        """Return what the form is made with, for the row as it is stored now."""
        row.patient = self.row.patient
        return {"row": row}

    def differences(self) -> list[tuple[str, str, str]]:
        """Return label, stored value and typed value of each answer in which they differ."""
        told = [
            (
                self[name],
                _in_words(self[name], self.initial.get(name)),
                _in_words(self[name], self[name].value()),
            )
            for name in self.fields
            if name not in {"version", "reason"}
        ]
        return [(str(field.label), stored, typed) for field, stored, typed in told if stored != typed]


class WeightForm(RowForm):
    """The weight of the day, so that the product can be prepared for it (CEL-09)."""

    def stored(self) -> dict[str, Any]:
        if self.row.weight_kg is None:
            return {}
        return {
            "weight_kg": said_number(self.row.weight_kg),
            "weight_measured": said_moment(self.row.weight_measured),
            "weight_confirmation": self.row.weight_confirmation,
        }

    def add_fields(self, zone: str) -> None:
        self.fields["weight_kg"] = MeasureField(
            label=_("Weight of the day (kg)"), unit="kg", places=2, help_text=known_weight(self.row)
        )
        self.fields["weight_measured"] = MomentField(label=_("Weight measured at"), zone=zone)
        self.fields["weight_confirmation"] = _line(
            _("How you made sure that the weight is right"), required=False, max_length=500
        )
        if self.row.weight_kg is not None:
            self.add_reason(required=True)

    def sections(self) -> list[Any]:
        asked = ["weight_confirmation"] if self.is_doubted() else []
        weight = Div(_measure(self, "weight_kg"), "weight_measured", css_class="field-row")
        reason = ["reason"] if "reason" in self.fields else []
        return [Fieldset(_("Weight of the day"), weight, *asked, *reason, css_class="sec")]

    def is_doubted(self) -> bool:
        """Tell whether the weight needs a word of confirmation, or has one."""
        return bool(
            "weight_confirmation" in self.refused
            or self.data.get("weight_confirmation")
            or self.initial.get("weight_confirmation")
        )

    def save(self, *, by: User) -> bool:
        return self.carried_out(administration.record_weight, infusion=self.row, by=by, **self.cleaned_data)


class BedsideForm(WeightForm):
    """What happened at the bedside: the same questions in both arms."""

    def stored(self) -> dict[str, Any]:
        row, weight = self.row, super().stored()
        if row.state != Infusion.State.GIVEN:
            return weight
        return weight | {
            "started": said_moment(row.started),
            "ended": said_moment(row.ended),
            "volume_ml": said_number(row.volume_ml),
            "interrupted": row.interrupted,
            "interruption_reason": row.interruption_reason,
            "premedication": row.premedication,
            "tolerated": row.tolerated,
            "tolerance_note": row.tolerance_note,
            "timing_deviation_reason": row.timing_deviation_reason,
        }

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields.pop("reason", None)
        self.fields["started"] = MomentField(label=_("Start"), zone=zone)
        self.fields["ended"] = MomentField(label=_("End"), zone=zone)
        self.fields["volume_ml"] = MeasureField(label=_("Volume infused (mL)"), unit="mL", places=2)
        self.fields["interrupted"] = _segments(_("Was it interrupted?"))
        self.fields["interruption_reason"] = _line(
            _("Reason for the interruption"), required=False, help_text=_("When it was interrupted.")
        )
        self.fields["premedication"] = _line(
            _("Premedication"), required=False, help_text=_("Medicine and dose, or none.")
        )
        self.fields["tolerated"] = _segments(_("Was it well tolerated?"), required=False)
        self.fields["tolerance_note"] = _line(
            _("What was not tolerated"), required=False,
            help_text=_("When it was not well tolerated; report it as an adverse event too."),
        )  # fmt: skip
        self.fields["timing_deviation_reason"] = _line(
            _("Reason for the timing"), required=False,
            help_text=_("When it was given outside the days of the protocol: this is a deviation."),
        )  # fmt: skip
        if self.row.state != Infusion.State.PLANNED or self.row.weight_kg is not None:
            self.add_reason(required=self.row.state != Infusion.State.PLANNED)

    def sections(self) -> list[Any]:
        weight, *_rest = super().sections()
        weight.fields = [each for each in weight.fields if each != "reason"]
        times = Div("started", "ended", _measure(self, "volume_ml"), css_class="field-row")
        course = [Field("interrupted", template=SEGMENTS), "interruption_reason", "premedication"]
        tolerance = [Field("tolerated", template=SEGMENTS), "tolerance_note"]
        found = [
            weight,
            Fieldset(_("Infusion"), times, "timing_deviation_reason", css_class="sec"),
            Fieldset(_("Course"), *course, *tolerance, css_class="sec"),
        ]
        if "reason" in self.fields:
            found.append(Fieldset(_("Reason for the change"), "reason", css_class="sec"))
        return found

    def save(self, *, by: User) -> bool:
        told = dict(self.cleaned_data)
        version, reason = told.pop("version"), told.pop("reason", "")
        facts = administration.Bedside(**told)  # type: ignore[typeddict-item]
        return self.carried_out(
            administration.record_infusion,
            infusion=self.row,
            facts=facts,
            version=version,
            reason=reason,
            by=by,
        )


class NotGivenForm(RowForm):
    """An infusion that was not given."""

    def add_fields(self, zone: str) -> None:
        self.fields["reason"] = forms.CharField(
            label=_("Why it was not given"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
        )

    def save(self, *, by: User) -> bool:
        return self.carried_out(administration.mark_not_given, infusion=self.row, by=by, **self.cleaned_data)


class PreparationForm(RowForm):
    """What was in the bag. Only on pages of those who may know the treatment."""

    def __init__(self, *args: Any, product: Preparation | None, arm: Arm | None, **kwargs: Any) -> None:
        self.product, self.arm = product, arm
        super().__init__(*args, **kwargs)

    def stored(self) -> dict[str, Any]:
        product = self.product
        if product is None:
            return {}
        return {
            "donor_code": product.donor_code,
            "lot": product.lot,
            "bag": product.bag,
            "viable_cells": said_number(millions(product.viable_cells)),
            "viability_percent": said_number(product.viability_percent),
            "thawed": said_moment(product.thawed),
            "dose_deviation_reason": product.dose_deviation_reason,
            "donor_deviation_reason": product.donor_deviation_reason,
        }

    def version(self) -> int:
        return self.product.version if self.product else 0

    def add_fields(self, zone: str) -> None:
        cells = self.arm is None or self.arm.cells
        self.fields["lot"] = _line(_("Lot"), max_length=60)
        self.fields["bag"] = _line(_("Bags"), required=False, max_length=200)
        self.fields["donor_code"] = _line(_("Donor code"), required=cells, max_length=60)
        self.fields["thawed"] = MomentField(label=_("Thawed at"), zone=zone, required=False)
        self.fields["viable_cells"] = MeasureField(
            label=_("Viable cells given (×10⁶)"), unit="×10⁶", places=6, required=cells
        )
        self.fields["viability_percent"] = MeasureField(
            label=_("Viability (%)"), unit="%", places=2, required=False
        )
        self.fields["dose_deviation_reason"] = _line(
            _("Reason for the dose"), required=False,
            help_text=_("When the dose is outside the range of the protocol: this is a deviation."),
        )  # fmt: skip
        self.fields["donor_deviation_reason"] = _line(
            _("Reason for another donor"), required=False,
            help_text=_("When the donor is not that of the earlier infusions: this is a deviation."),
        )  # fmt: skip
        if self.product is not None:
            self.add_reason(required=True)

    def sections(self) -> list[Any]:
        measures = Div(
            _measure(self, "viable_cells"), _measure(self, "viability_percent"), css_class="field-row"
        )
        names = Div("lot", "bag", "donor_code", "thawed", css_class="field-row")
        found: list[Any] = [
            Fieldset(_("Product"), names, css_class="sec"),
            Fieldset(
                _("Cells"), measures, "dose_deviation_reason", "donor_deviation_reason", css_class="sec"
            ),
        ]
        if "reason" in self.fields:
            found.append(Fieldset(_("Reason for the change"), "reason", css_class="sec"))
        return found

    def around(self, row: Any) -> dict[str, Any]:
        return {"row": self.row, "product": row if row.pk else None, "arm": self.arm}

    def save(self, *, by: User) -> bool:
        told = dict(self.cleaned_data)
        version, reason = told.pop("version"), told.pop("reason", "")
        told["viable_cells"] = whole_cells(told["viable_cells"])
        facts = preparing.Product(**told)  # type: ignore[typeddict-item]
        verb = preparing.record_preparation
        return self.carried_out(verb, infusion=self.row, facts=facts, version=version, reason=reason, by=by)


def whole_cells(number: Decimal | None) -> Decimal | None:
    """Return millions as cells, exactly."""
    return number * MILLION if number is not None else None


def known_weight(row: Infusion) -> SafeString | str:
    """Return the last weight that is known, with where and when, as a hint beside the empty field."""
    known = last_weight(row)
    if known is None:
        return ""
    words = _("Last known: %(kg)s kg (%(source)s)") % {"kg": said_number(known.kg), "source": known.source}
    return format_html('<span class="known">{}</span>', words)


def _measure(form: forms.Form, name: str) -> AppendedText:
    field = form.fields[name]
    return AppendedText(name, field.unit if isinstance(field, MeasureField) else "")


def _line(
    label: Any, *, required: bool = True, max_length: int = 2000, help_text: Any = ""
) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=max_length, help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip


def _segments(label: Any, *, required: bool = True) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=YES_NO, widget=forms.RadioSelect, required=required)


def _in_words(field: forms.BoundField, value: Any) -> str:
    """Return a value of a field as the page shows it."""
    titles = {str(code): str(title) for code, title in getattr(field.field, "choices", ())}
    return titles.get(str(value), str(value)).strip() if value not in (None, "") else ""
