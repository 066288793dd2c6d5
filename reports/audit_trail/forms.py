"""Filter form of the audit trail page, and the form that records a review of the trail."""

import re
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from audit import events
from audit.sources import Filter
from audit.trail import label_of, title_of, tracked_columns, tracked_models, trail_of
from patients.models import Patient
from patients.queries.filters import form_choices
from trials import roles
from trials.date_fields import DayField, on_clock_of
from trials.models import Trial
from trials.reader import reader_language

KINDS = [
    ("created", _("Created")),
    ("changed", pgettext_lazy("what was done", "Changed")),
    ("deleted", _("Deleted")),
    ("signed", pgettext_lazy("what was done", "Signed")),
    ("unsigned", _("Signature invalidated")),
    ("access", _("Access")),
    ("review", _("Review of the trail")),
]
ORIGINS = list(events.ORIGIN_WORDS.items())
NOBODY = "-"
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}(\.[a-z][a-z0-9_]{0,59})?", re.ASCII)
ROW = re.compile(r"([a-z]+\.[a-z]+):(\d{1,18})", re.ASCII)
ANY = ("", _("Any"))


class TrailForm(forms.Form):
    """Filters of the audit trail page. `filter()` returns them once the form is valid."""

    patient = forms.CharField(label=_("Patient"), max_length=20, required=False)
    form = forms.ChoiceField(label=_("Form or table"), required=False)
    item = forms.ChoiceField(label=_("Item"), required=False)
    user = forms.ChoiceField(label=_("Person"), required=False)
    role = forms.ChoiceField(
        label=_("Role"), choices=[ANY, *roles.CHOICES, ("system", _("System"))], required=False
    )
    kind = forms.ChoiceField(label=_("What"), choices=[ANY, *KINDS], required=False)
    origin = forms.ChoiceField(label=_("From"), choices=[ANY, *ORIGINS], required=False)
    since = DayField(label=_("Since"), help_text="", required=False)
    until = DayField(label=_("Until"), help_text="", required=False)
    row = forms.RegexField(regex=rf"^{ROW.pattern}$", required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, trial: Trial, people: Collection[User], may: Collection[str], **options: Any
    ) -> None:
        super().__init__(data, **options)
        self.trial, self.people = trial, people
        self.zone = trial.rules.trial.site.time_zone
        on_clock_of(self, self.zone)
        requested = {name: _named(self.data.get(name, "")) for name in ("form", "item")}
        self._offer("form", [ANY, *self._forms(may)], requested["form"])
        self._offer("item", [ANY, *self._items(requested["form"])], requested["item"])
        if not requested["form"] and not requested["item"]:
            del self.fields["item"]
        persons = [(person.username, person.full_name) for person in people]
        self._offer("user", [ANY, *persons, (NOBODY, _("Nobody: system"))], "")

    def _offer(self, name: str, choices: list[Any], requested: str) -> None:
        """Set the choices of a field. An unknown value in the URL (a form of an earlier version) is added to them."""
        known = {
            code
            for code, title in choices
            for code in ([code] if not isinstance(title, list) else dict(title))
        }
        extra = [(requested, requested)] if requested and requested not in known else []
        self.fields[name].choices = [*choices, *extra]  # type: ignore[attr-defined]

    def _forms(self, may: Collection[str]) -> list[Any]:
        tables = [
            (model._meta.label_lower, title_of(model))
            for model in tracked_models()
            if trail_of(model).see in {"", *may} and not trail_of(model).form
        ]
        return [(_("Forms"), form_choices(self.trial)), (_("Tables"), tables)]

    def _items(self, form: str) -> list[tuple[str, Any]]:
        language = reader_language()
        if versions := [rules.forms[form] for rules in self.trial.all_rules.values() if form in rules.forms]:
            items = {item.name: item for version in versions[::-1] for item in version.items}
            names = dict.fromkeys(item.name for version in versions for item in version.items)
            return [(name, items[name].label.in_language(language)) for name in names]
        model = next((model for model in tracked_models() if model._meta.label_lower == form), None)
        columns = tracked_columns(model) if model else []
        return [(field.name, label_of(model, field)) for field in columns if model and not field.primary_key]

    def clean_patient(self) -> str:
        """Return the patient's code and keep the patient for `filter()`. Raises ValidationError for an unknown code."""
        code: str = self.cleaned_data["patient"]
        self.chosen = Patient.objects.filter(trial=self.trial, code__iexact=code).first() if code else None
        if code and self.chosen is None:
            raise forms.ValidationError(_("There is no patient with this code in the trial."))
        return self.chosen.code if self.chosen else ""

    def filter(self) -> Filter:
        """Return the filter of a valid form. `until` includes its whole day at the site."""
        cleaned = self.cleaned_data
        row = ROW.fullmatch(cleaned["row"]) if cleaned["row"] else None
        return Filter(
            trial_id=self.trial.pk,
            people=tuple(person.pk for person in self.people),
            patient_id=self.chosen.pk if self.chosen else None,
            form=cleaned["form"],
            item=cleaned.get("item", ""),
            row=(row[1], int(row[2])) if row else None,
            user_id=self._user_id(cleaned["user"]),
            role=cleaned["role"],
            kind=cleaned["kind"],
            origin=cleaned["origin"],
            since=self._midnight(cleaned["since"]),
            until=self._midnight(cleaned["until"], days=1),
        )

    def _user_id(self, name: str) -> int | None:
        if name == NOBODY:
            return -1
        return next((person.pk for person in self.people if name and person.username == name), None)

    def _midnight(self, day: date | None, days: int = 0) -> datetime | None:
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=days), time(), tzinfo=ZoneInfo(self.zone))


class TrailReviewForm(forms.Form):
    """The reviewer's conclusion about the part of the trail that the filter shows."""

    conclusion = forms.CharField(
        label=_("Conclusion of this review"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Your name, the filter above and the time are recorded with it."),
    )


def _named(text: str) -> str:
    """Return the text if it can be the name of a form, table or item; otherwise an empty text."""
    return text if NAME.fullmatch(text) else ""
