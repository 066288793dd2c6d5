"""Forms of laboratories and reference ranges; an import validates every line of a file with the same form."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from protocol.values.refusals import ValueRefused
from protocol.values.written_numbers import canonical, refuse_ambiguous, refuse_grouped
from trials.date_fields import DayField
from trials.forms import VerbForm
from trials.laboratories.ranges import RangeFacts, items_with_ranges
from trials.models import ReferenceRange, Trial
from trials.reader import reader_language, shown_sentence

DECIMALS, DIGITS = 6, 15
OLDEST = 150
FIELDS = (
    "path", "unit", "sex", "age_from", "age_to", "lower", "upper", "effective_from", "effective_to", "source",
)  # fmt: skip


class BoundField(forms.CharField):
    """A bound, typed with comma or point. Cleans to a Decimal, None if blank.

    comma_columns: None for a typed bound; for one of a file, whether the comma separates its columns.
    """

    comma_columns: bool | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, **kwargs)
        self.widget.attrs.update({"class": "w-short", "inputmode": "decimal", "autocomplete": "off"})

    def clean(self, value: Any) -> Decimal | None:
        """Return the exact number. Raises ValidationError with a message."""
        try:
            typed = super().clean(value)
            if self.comma_columns is None:
                refuse_ambiguous(typed, reader_language())
            else:
                refuse_grouped(typed, comma_columns=self.comma_columns)
            text = canonical(typed)
        except ValueRefused as refused:
            raise forms.ValidationError(shown_sentence(refused)) from refused
        if text is None:
            return None
        whole, _point, fraction = text.lstrip("-").partition(".")
        if len(fraction) > DECIMALS or len(whole) > DIGITS - DECIMALS:
            raise forms.ValidationError(
                _("At most %(whole)s digits before and %(decimals)s after the point can be kept.")
                % {"whole": DIGITS - DECIMALS, "decimals": DECIMALS}
            )
        return Decimal(text)


class RangeForm(VerbForm):
    """One reference range."""

    path = forms.ChoiceField(label=gettext_lazy("Item"))
    unit = forms.CharField(
        label=gettext_lazy("Unit"),
        max_length=40,
        required=False,
        help_text=gettext_lazy(
            "As the protocol writes it, such as 10^9/L; that of the item when left empty."
        ),
    )
    sex = forms.ChoiceField(
        label=gettext_lazy("Sex"),
        required=False,
        choices=[("", gettext_lazy("Either")), *ReferenceRange.Sex.choices],
    )
    age_from = forms.IntegerField(
        label=gettext_lazy("From age"),
        required=False,
        min_value=0,
        max_value=OLDEST,
        help_text=gettext_lazy("Completed years on the day of the sample, this age included."),
    )
    age_to = forms.IntegerField(
        label=gettext_lazy("To below age"),
        required=False,
        min_value=1,
        max_value=OLDEST,
        help_text=gettext_lazy("This age is not included. Empty: no upper age."),
    )
    lower = BoundField(
        label=gettext_lazy("Lower bound"),
        help_text=gettext_lazy("A value on a bound is normal. Empty: open."),
    )
    upper = BoundField(label=gettext_lazy("Upper bound"))
    effective_from = DayField(label=gettext_lazy("First day in force"))
    effective_to = DayField(
        label=gettext_lazy("Last day in force"),
        required=False,
        help_text=gettext_lazy("Leave empty while no end is known."),
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Which document of the laboratory says so, and who approved it."),
    )

    def __init__(self, *args: Any, trial: Trial, comma_columns: bool | None = None, **kwargs: Any) -> None:
        super().__init__(*args, zone=trial.rules.trial.site.time_zone, **kwargs)
        for name in ("lower", "upper"):
            self.fields[name].comma_columns = comma_columns  # type: ignore[attr-defined]
        self.items = items_with_ranges(trial.rules)
        self.fields["path"].choices = self._choices(trial)  # type: ignore[attr-defined]
        for name in ("age_from", "age_to"):
            # Text inputs: type=number changes its value with the mouse wheel.
            self.fields[name].widget = forms.TextInput(
                attrs={"class": "w-short", "inputmode": "numeric", "autocomplete": "off"}
            )

    def _choices(self, trial: Trial) -> list[Any]:
        language, groups = reader_language(), dict[str, list[tuple[str, str]]]()
        for path, item in self.items.items():
            title = trial.rules.form(path.partition(".")[0]).title.in_language(language)
            groups.setdefault(title, []).append((path, f"{item.label.in_language(language)} ({path})"))
        return [("", _("Choose an item")), *groups.items()]

    def facts(self) -> RangeFacts:
        """Return the cleaned values of a valid form."""
        cleaned = dict(self.cleaned_data)
        form, _dot, item = cleaned["path"].partition(".")
        return RangeFacts(
            form=form,
            item=item,
            unit=cleaned["unit"] or (self.items[cleaned["path"]].unit or ""),
            sex=cleaned["sex"],
            age_from=cleaned["age_from"] or 0,
            age_to=cleaned["age_to"],
            lower=cleaned["lower"],
            upper=cleaned["upper"],
            effective_from=cleaned["effective_from"],
            effective_to=cleaned["effective_to"],
            source=cleaned["source"].strip(),
        )


class CorrectionForm(RangeForm):
    """The corrected values of a range, with the reason."""

    reason = forms.CharField(label=gettext_lazy("Reason for the correction"), max_length=500)


class EndRangeForm(VerbForm):
    """The last day of a range."""

    effective_to = DayField(label=gettext_lazy("Last day in force"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


class ErrorForm(VerbForm):
    """The reason why a range is marked as entered in error."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


class LaboratoryForm(VerbForm):
    """A new laboratory."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    code = forms.SlugField(
        label=gettext_lazy("Code"),
        max_length=20,
        help_text=gettext_lazy(
            "Part of the address, and the answer of a form that asks which laboratory measured."
        ),
    )


class LaboratoryChangeForm(VerbForm):
    """Name of a laboratory, and whether it is the default one."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    is_default = forms.BooleanField(
        label=gettext_lazy("Measures unless a form names another laboratory"), required=False
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


class ImportForm(VerbForm):
    """A file of ranges."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("UTF-8, comma or semicolon between the columns, at most 1 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )
