"""Forms on one infusion or preparation: they send the version shown, and compare values after a conflict."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, cast

from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from dosing.models import Infusion
from patients.participation.answer_layout import answer, section
from patients.participation.change_reasons import FIELDS, given_reason, reason_fields
from patients.participation.forms import StepForm

YES_NO = [("Y", _("Yes")), ("N", _("No"))]
NEVER_COMPARED = frozenset({"version", *FIELDS})


class LineField(forms.CharField):
    """One line of text."""

    def __init__(self, *, max_length: int = 2000, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.widget.attrs["autocomplete"] = "off"


class YesNoField(forms.ChoiceField):
    """Yes or no, without a preselected answer (DAT-01)."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=YES_NO, **kwargs)


class RowForm(StepForm):
    """A form on one row at the version that the page showed; the change of a saved value needs a reason."""

    asked_in_order: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, row: Infusion, **kwargs: Any) -> None:
        self.row = row
        self.refused: Mapping[str, Any] = {}
        kwargs.setdefault("initial", self.stored())
        super().__init__(*args, trial=row.patient.trial, patient=row.patient, **kwargs)
        self.fields["version"] = forms.IntegerField(
            label=_("Version"), widget=forms.HiddenInput, initial=self.version()
        )
        self.order_fields(self.asked_in_order)
        self.arrange()

    def stored(self) -> dict[str, Any]:
        """Return the stored values by field, as they would be typed."""
        return {}

    def version(self) -> int:
        """Return the version of the stored row."""
        return self.row.version

    def sections(self) -> list[Any]:
        """Return the layout of the fields."""
        return [name for name in self.fields if name != "version"]

    def arrange(self) -> None:
        """Set the layout; called again after a refusal, which may need a field that was not shown before."""
        self.helper.layout = Layout("version", *self.sections())

    def add_reason(self, *, required: bool, help_text: Any = "") -> None:
        """Add the fields for the reason of a change."""
        # Not required of a person who did not know that the row was saved: the conflict is shown first.
        required = required and not self.is_stale()
        self.fields.update(reason_fields(required=required, longest=1000, help_text=help_text))

    def why(self) -> list[Any]:
        """Return the layout of the reason for the change, if the form asks for one."""
        if "reason" not in self.fields:
            return []
        return [
            section(
                _("Reason for the change"), *(answer(name, wrapper_class="wide-field") for name in FIELDS)
            )
        ]

    def facts_given(self) -> dict[str, Any]:
        """Return the cleaned answers, with the reason as it is stored."""
        answers = dict(self.cleaned_data)
        reason = given_reason(answers)
        return {**answers, "reason": reason}

    def is_needed(self, name: str) -> bool:
        """Return True if a reason is asked for: it was refused, typed or stored."""
        return any(name in known and known[name] for known in (self.refused, self.data, self.initial))

    def is_stale(self) -> bool:
        """Return True if the form was sent from another version than the stored one."""
        return self.is_bound and self.data.get("version") != str(self.version())

    def run(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Call the function, as in StepForm, and set the layout again for the errors."""
        done = super().run(verb, **arguments)
        self.refused = self.errors
        self.arrange()
        return done

    def save(self, *, by: User) -> bool:
        """Store the form and return True if it was stored. Raises StaleInfusion if the row has another version now."""
        raise NotImplementedError

    def rebound(self, row: Any) -> Self:
        """Return the form with the typed values, on the row as it is stored now."""
        context = self.context_of(row)
        data = cast(QueryDict, self.data).copy()
        data["version"] = str(type(self)(**context).version())
        return type(self)(data, **context)

    def context_of(self, row: Any) -> dict[str, Any]:
        """Return the keyword arguments of the form for the row as it is stored now."""
        row.patient = self.row.patient
        return {"row": row}

    def differences(self) -> list[tuple[str, str, str]]:
        """Return (label, stored, typed) for each field whose values differ; `82,4` and `82.40` do not differ."""
        compared = [self[name] for name in self.fields if name not in NEVER_COMPARED]
        return [
            (str(field.label), _in_words(field, stored), _in_words(field, field.value()))
            for field in compared
            if not _same(field, stored := self.initial.get(field.name) or "")
        ]


def _same(field: forms.BoundField, stored: str) -> bool:
    typed = field.value() or ""
    try:
        return field.field.clean(typed) == field.field.clean(stored)
    except ValidationError:
        return typed == stored


def _in_words(field: forms.BoundField, value: Any) -> str:
    """Return the value of a field as text, as the page shows it."""
    titles = {str(code): str(title) for code, title in getattr(field.field, "choices", ())}
    return titles.get(str(value), str(value)).strip() if value else ""
