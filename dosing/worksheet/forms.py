"""The forms of the worksheet and of the check at the bedside. No input has a default (DAT-01)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from dosing.models import Infusion
from dosing.versioned_forms import LineField, YesNoField
from dosing.worksheet import bench
from dosing.worksheet.dispensed import sign_late
from dosing.worksheet.kit_checks import check_kit, sign_check
from dosing.worksheet.overriding import WORDS, allowed, override
from dosing.worksheet.plan import Asked, BenchStep, asked
from dosing.worksheet.second_person import sign_step
from dosing.worksheet.step_values import When
from trials.date_fields import MomentField
from trials.forms import VerbForm
from trials.measure_fields import MeasureField

LABELS: Mapping[str, str | Promise] = {
    "washed": _("Washed"),
    "diluent": _("Diluent"),
    "suspension_ml": _("Volume of the suspension (mL)"),
    "cells_per_ml": _("Cells counted (×10⁶/mL)"),
    "viability_percent": _("Viability (%)"),
    "drawn_ml": _("Volume drawn (mL)"),
    "final_ml": _("Volume of the product (mL)"),
    "handed_to": _("Received by"),
    "dose_reason": _("Reason for the dose"),
}


def password_field() -> forms.CharField:
    """Return the field of the password with which a person signs."""
    return forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("Your signature says that you have compared this yourself."),
    )


class WorksheetForm(VerbForm):
    """A form on the worksheet of one infusion. do: the value by which the page knows which form was sent."""

    do: ClassVar[str] = ""
    late_fields: ClassVar[tuple[str, ...]] = ("at", "source", "written_at")

    def __init__(self, *args: Any, row: Infusion, **kwargs: Any) -> None:
        self.row = row
        super().__init__(*args, zone=row.patient.trial.rules.trial.site.time_zone, **kwargs)

    def save(self, *, by: User, sees_identity: bool) -> bool:
        """Call the verb; return False with the errors in the form if it refused."""
        raise NotImplementedError

    def focus_first_empty(self, *names: str) -> None:
        """Put the focus into the first of some fields that is empty: a scan that ends with Enter goes on there."""
        first = next((name for name in names if not str(self.data.get(name) or "").strip()), names[0])
        self.fields[first].widget.attrs["autofocus"] = True

    @property
    def main_fields(self) -> list[forms.BoundField]:
        """The fields that are asked at once."""
        return [self[name] for name in self.fields if name not in self.late_fields]

    @property
    def when_fields(self) -> list[forms.BoundField]:
        """The fields for a step that happened earlier, or was written on paper."""
        return [self[name] for name in self.fields if name in self.late_fields]

    @property
    def opened(self) -> bool:
        """True if something was typed or refused in the fields for an earlier step."""
        return (
            any(self.data.get(name) or name in self.errors for name in self.late_fields)
            if self.data
            else False
        )


class WhenForm(WorksheetForm):
    """A step with the time at which it happened, if not now, and the paper from which it is transcribed."""

    at = MomentField(label=_("Happened at"), required=False)
    source = LineField(label=_("Transcribed from (paper)"), max_length=200, required=False)
    written_at = MomentField(label=_("Written on paper at"), required=False)

    def when(self) -> When:
        """Return when the step happened."""
        answers = self.cleaned_data
        return When(_moment(answers["at"]), answers["source"], _moment(answers["written_at"]))


class ScanForm(WhenForm):
    """The text that a scanner types, ended by Enter."""

    do = "scan"
    scan = LineField(label=_("Scan or type a number"), max_length=200)
    field_order = ("scan", "at", "source", "written_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A scanner types wherever the focus is: it stays here from scan to scan.
        self.fields["scan"].widget.attrs |= {
            "autofocus": True,
            "autocapitalize": "off",
            "spellcheck": "false",
        }

    def save(self, *, by: User, sees_identity: bool) -> bool:
        text = self.cleaned_data["scan"]
        return self.run(bench.scan, infusion=self.row, text=text, by=by, when=self.when())


class StepValuesForm(WhenForm):
    """The values of one step."""

    do = "step"

    def __init__(self, *args: Any, step: BenchStep, cells: bool, outside: bool, **kwargs: Any) -> None:
        self.step = step
        super().__init__(*args, **kwargs)
        for each in asked(step, cells=cells):
            self.fields[each.name] = _field(each)
        if outside and step == BenchStep.DISPENSED:
            self.fields["dose_reason"] = LineField(
                label=LABELS["dose_reason"],
                required=False,
                help_text=_("The expected dose is outside the range of the protocol: this is a deviation."),
            )
        self.order_fields([name for name in self.fields if name not in self.late_fields])

    def save(self, *, by: User, sees_identity: bool) -> bool:
        values = {name: value for name, value in self.cleaned_data.items() if name not in self.late_fields}
        return self.run(
            bench.record_step, infusion=self.row, step=self.step, values=values, by=by, when=self.when()
        )


class SecondPersonForm(WhenForm):
    """Two identifiers and the password of the second person; after a downtime, when that person signed on paper."""

    do = "sign"
    subject = LineField(label=_("Subject code"), max_length=60)
    second = LineField(label=_("Year of birth"), max_length=200)
    password = password_field()

    def __init__(self, *args: Any, step: BenchStep, **kwargs: Any) -> None:
        self.step = step
        super().__init__(*args, **kwargs)
        self.focus_first_empty("subject", "second", "password")

    def save(self, *, by: User, sees_identity: bool) -> bool:
        facts = {name: self.cleaned_data[name] for name in ("subject", "second", "password")}
        told = {"infusion": self.row, "step": self.step, "when": self.when()}
        return self.run(sign_step, by=by, sees_identity=sees_identity, **told, **facts)


class StrikeForm(WorksheetForm):
    """The reason why the last step is struck out."""

    do = "strike"
    reason = LineField(label=_("Why the last step is struck out"), max_length=1000)

    def __init__(self, *args: Any, step: BenchStep, **kwargs: Any) -> None:
        self.step = step
        super().__init__(*args, **kwargs)

    def save(self, *, by: User, sees_identity: bool) -> bool:
        reason = self.cleaned_data["reason"]
        return self.run(bench.strike_step, infusion=self.row, step=self.step, reason=reason, by=by)


class ReadForm(WorksheetForm):
    """A transcribed step that a second reader has compared with the paper."""

    do = "read"
    key = forms.IntegerField(widget=forms.HiddenInput)

    def save(self, *, by: User, sees_identity: bool) -> bool:
        return self.run(bench.confirm_reading, infusion=self.row, key=self.cleaned_data["key"], by=by)


class OverrideForm(WorksheetForm):
    """A hard stop, the reason why it is overridden, and the investigator's password."""

    do = "override"
    stop = forms.ChoiceField(label=_("Hard stop"), widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    password = password_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stop"].choices = [(code, WORDS[code]) for code in allowed(self.row.patient)]  # type: ignore[attr-defined]

    def save(self, *, by: User, sees_identity: bool) -> bool:
        return self.run(override, infusion=self.row, by=by, **self.cleaned_data)


class KitForm(WorksheetForm):
    """The kit number scanned at the bedside, with two identifiers of the patient."""

    do = "kit"
    scan = LineField(label=_("Kit number"), max_length=60)
    subject = LineField(label=_("Subject code"), max_length=60)
    second = LineField(label=_("Year of birth"), max_length=200)

    def __init__(self, *args: Any, sees_identity: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sees_identity:
            self.fields["second"].label = _("Year of birth, hospital number or name")
        self.focus_first_empty("scan", "subject", "second")

    def save(self, *, by: User, sees_identity: bool) -> bool:
        facts = self.cleaned_data
        return self.run(
            check_kit,
            infusion=self.row,
            scanned=facts["scan"],
            subject=facts["subject"],
            second=facts["second"],
            by=by,
            sees_identity=sees_identity,
        )


class SignKitForm(WorksheetForm):
    """The password of the second person at the bedside."""

    do = "sign-kit"
    password = password_field()

    def save(self, *, by: User, sees_identity: bool) -> bool:
        return self.run(sign_check, infusion=self.row, by=by, **self.cleaned_data)


class SignLateForm(WorksheetForm):
    """The password of the second person who confirms an infusion that was documented late."""

    do = "sign-late"
    password = password_field()

    def save(self, *, by: User, sees_identity: bool) -> bool:
        return self.run(sign_late, infusion=self.row, by=by, **self.cleaned_data)


def _field(each: Asked) -> forms.Field:
    label = LABELS[each.name]
    if each.kind == "number":
        return MeasureField(label=label, unit=each.unit, places=each.places)
    return YesNoField(label=label) if each.kind == "yes_no" else LineField(label=label, max_length=200)


def _moment(moment: Any) -> datetime | None:
    return moment.earliest if moment is not None else None
