"""The form of the export page: format, purpose, and the rows that the export holds."""

from typing import Any

from django.forms import BooleanField, CharField, ChoiceField, Form, TextInput
from django.utils.translation import gettext_lazy as _

from exports.formats.registry import DEFAULT, FORMATS, refuse_rows
from exports.selection import EVERYTHING, ChoiceRefused, ChosenRows, Only, chosen
from trials.date_fields import with_day
from trials.models import Trial

SHORT = TextInput(attrs={"class": "w-mid", "autocomplete": "off"})
CODES = _("Codes with blanks between them; empty for all.")


class ExportForm(Form):
    """Format, purpose (registered with the export) and selection."""

    format = ChoiceField(
        label=_("Format"),
        choices=[(code, each.title) for code, each in FORMATS.items()],
        initial=DEFAULT,
        required=False,
    )
    purpose = CharField(
        label=_("What the export is for"), max_length=200, help_text=_("Kept in the export register.")
    )
    as_of = CharField(
        label=_("As of"),
        required=False,
        max_length=40,
        widget=SHORT,
        help_text=with_day(
            _("The data as they were, such as %(day)s (its end) or %(day)s 14:30; empty for now.")
        ),
    )
    only = ChoiceField(
        label=_("Forms and adverse events"), required=False, choices=[("", _("All")), *Only.choices]
    )
    without_drafts = BooleanField(label=_("Leave out forms that nobody completed"), required=False)
    until = CharField(
        label=_("Until"),
        required=False,
        max_length=20,
        widget=SHORT,
        help_text=with_day(_("Leaves out what happened after this day, such as %(day)s.")),
    )
    forms = CharField(label=_("Only these forms"), required=False, max_length=2000, help_text=CODES)
    visits = CharField(label=_("Only these visits"), required=False, max_length=2000, help_text=CODES)
    patients = CharField(label=_("Only these patients"), required=False, max_length=20_000, help_text=CODES)
    shared = BooleanField(
        label=_("De-identified, for sharing"),
        required=False,
        help_text=_(
            "Dates moved by whole weeks, other subject codes, ages over 89 as one group; no trail, files or times of"
            " signature."
        ),
    )
    free_text = BooleanField(
        label=_("Keep typed texts in what is shared"),
        required=False,
        help_text=_("Somebody has to have read them: they may name people."),
    )

    selection: ChosenRows = EVERYTHING

    def __init__(self, data: Any, *, trial: Trial) -> None:
        super().__init__(data, label_suffix="")
        self.trial = trial

    def clean(self) -> dict[str, Any]:
        """Read the selection; a choice that does not exist is refused beside its field."""
        cleaned = super().clean() or {}
        try:
            self.selection = chosen(
                self.trial,
                as_of=cleaned.get("as_of", ""),
                only=cleaned.get("only", ""),
                drafts=not cleaned.get("without_drafts"),
                forms=[cleaned.get("forms", "")],
                visits=[cleaned.get("visits", "")],
                patients=[cleaned.get("patients", "")],
                until=cleaned.get("until", ""),
                shared=bool(cleaned.get("shared")),
                free_text=bool(cleaned.get("free_text")),
            )
            refuse_rows(cleaned.get("format") or DEFAULT, self.selection)
        except ChoiceRefused as refused:
            self.add_error(refused.field, str(refused))
        return cleaned
