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
from audit.events import AccessKind
from audit.models import TrailReview
from audit.trail import item_name, label_of, title_of, told_columns, tracked_models, trail_of
from audit.trail_reading.sources import Filter
from patients.models import Patient
from patients.queries.filters import form_choices
from reports.audit_trail.watching import is_of_every_form, places_of, watched, working_hours
from trials import roles
from trials.date_fields import DayField, on_clock_of
from trials.models import Trial
from trials.reader import reader_language
from trials.typed_input import KeepsInput

KINDS = [
    ("created", _("Created")),
    ("changed", pgettext_lazy("what was done", "Changed")),
    ("marked", _("Verified, frozen or locked")),
    ("deleted", _("Deleted")),
    ("signed", pgettext_lazy("what was done", "Signed")),
    ("unsigned", _("Signature invalidated")),
    ("access", _("Access")),
    ("review", _("Review of the trail")),
]
ORIGINS = list(events.ORIGIN_WORDS.items())
NOBODY, ANYBODY = "-", "*"
STATES = [
    ("after_inclusion", _("Changed after inclusion")),
    ("after_signature", _("Changed after signature")),
    ("after_lock", _("Written under a lock")),
    ("after_unlock", _("Changed after unlock")),
    ("in_bulk", _("Many by one person in minutes")),
    ("outside", _("Outside working hours")),
    ("late", _("Late entry")),
]
ORDERS = [("", _("Newest first")), ("oldest", _("Oldest first"))]
CLOCK = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)", re.ASCII)
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}(\.[a-z][a-z0-9_]{0,59})?", re.ASCII)
ROW = re.compile(r"([a-z]+\.[a-z]+):(\d{1,18})", re.ASCII)
ANY = ("", _("Any"))
DAY_MINUTES = 24 * 60


class ClockField(forms.CharField):
    """A time of day at the site, `07:30`, as minutes since midnight; None if it is empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=5, **options)
        self.widget.attrs["autocomplete"] = "off"

    def clean(self, value: Any) -> Any:
        """Return the minutes. Raises ValidationError for anything that is no time of day."""
        text = super().clean(value)
        if not text:
            return None
        found = CLOCK.fullmatch(text)
        if found is None:
            raise forms.ValidationError(_("Enter a time of day from 00:00 to 23:59."))
        return int(found[1]) * 60 + int(found[2])


class TrailForm(forms.Form):
    """Filters of the audit trail page. `filter()` returns them once the form is valid."""

    patient = forms.CharField(label=_("Patient"), max_length=20, required=False)
    search = forms.CharField(
        label=_("Words in values and reasons"), max_length=200, required=False, widget=forms.SearchInput
    )
    form = forms.ChoiceField(label=_("Form or table"), required=False)
    item = forms.ChoiceField(label=_("Item"), required=False)
    watch = forms.ChoiceField(label=_("Watched data"), required=False)
    user = forms.ChoiceField(label=_("Person"), required=False)
    about = forms.ChoiceField(label=_("About this person"), required=False)
    role = forms.ChoiceField(
        label=_("Role"), choices=[ANY, *roles.CHOICES, ("system", _("System"))], required=False
    )
    kind = forms.ChoiceField(
        label=_("What"),
        required=False,
    )
    state = forms.ChoiceField(label=_("Circumstances"), choices=[ANY, *STATES], required=False)
    origin = forms.ChoiceField(label=_("From"), choices=[ANY, *ORIGINS], required=False)
    since = DayField(label=_("Since"), help_text="", required=False)
    until = DayField(label=_("Until"), help_text="", required=False)
    from_time = ClockField(label=_("From time of day"), required=False)
    until_time = ClockField(label=_("Until time of day"), required=False)
    session = forms.RegexField(
        regex=r"^[0-9a-f]{4,64}$",
        label=_("Session"),
        required=False,
        error_messages={
            "invalid": _("A session is named by letters a to f and digits, as its entries show it.")
        },
    )
    address = forms.CharField(label=_("Network address"), max_length=64, required=False)
    order = forms.ChoiceField(label=_("Order"), choices=ORDERS, required=False)
    row = forms.RegexField(regex=rf"^{ROW.pattern}$", required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, trial: Trial, people: Collection[User], may: Collection[str], **options: Any
    ) -> None:
        super().__init__(data, **options)
        self.trial, self.people = trial, people
        self.zone = trial.rules.trial.site.time_zone
        on_clock_of(self, self.zone)
        requested = {name: _named(self.data.get(name, "")) for name in ("form", "item")}
        seen = [each for each in AccessKind.choices if each[0] != "treatment_seen" or "see_treatment" in may]
        self._offer("kind", [ANY, *KINDS, (_("Kinds of access"), seen)], "")
        self._offer("form", [ANY, *self._forms(may)], requested["form"])
        self._offer("item", [ANY, *self._items(requested["form"])], requested["item"])
        if not requested["form"] and not requested["item"]:
            del self.fields["item"]
        persons = [(person.username, person.full_name) for person in people]
        named = [(ANYBODY, _("Any named person")), (NOBODY, _("Nobody: system"))]
        self._offer("user", [ANY, *persons, *named], "")
        self._offer("about", [ANY, *persons], "")
        language = reader_language()
        watch = trial.rules.trail_review.watch
        self._offer(
            "watch", [ANY, *((code, each.title.in_language(language)) for code, each in watch.items())], ""
        )

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
        if model is None:
            return []
        # The index has `target` and `target_id` under one name: the label is that of the first.
        labels = [(item_name(field.attname), label_of(model, field)) for field in told_columns(model)]
        return list(dict(labels[::-1]).items())[::-1]

    def clean_patient(self) -> str:
        """Return the patient's code and keep the patient for `filter()`. Raises ValidationError for an unknown code."""
        code: str = self.cleaned_data["patient"]
        self.chosen = Patient.objects.filter(trial=self.trial, code__iexact=code).first() if code else None
        if code and self.chosen is None:
            raise forms.ValidationError(_("There is no patient with this code in the trial."))
        return self.chosen.code if self.chosen else ""

    def clean(self) -> Any:
        """Return the cleaned data. An item that every form has needs the form: its entries are in no index of items."""
        cleaned = super().clean() or self.cleaned_data
        item = cleaned.get("item", "")
        narrowed = any(cleaned.get(name) for name in ("form", "watch", "row", "patient"))
        if item and not narrowed and is_of_every_form(item):
            self.add_error("item", _("Choose the form too: every form has this item."))
        return cleaned

    def filter(self) -> Filter:
        """Return the filter of a valid form. `until` includes its whole day at the site."""
        cleaned = self.cleaned_data
        row = ROW.fullmatch(cleaned["row"]) if cleaned["row"] else None
        item = cleaned.get("item", "")
        anywhere = item and not (cleaned["form"] or cleaned["watch"] or row or self.chosen)
        return Filter(
            trial_id=self.trial.pk,
            people=tuple(person.pk for person in self.people),
            patient_id=self.chosen.pk if self.chosen else None,
            form=cleaned["form"],
            item=item,
            places=places_of(self.trial.all_rules.values(), item) if anywhere else None,
            row=(row[1], int(row[2])) if row else None,
            user_id=self._user_id(cleaned["user"]),
            role=cleaned["role"],
            kind=cleaned["kind"],
            origin=cleaned["origin"],
            since=self._midnight(cleaned["since"]),
            until=self._midnight(cleaned["until"], days=1),
            about=self._user_id(cleaned["about"]),
            session=cleaned["session"],
            address=cleaned["address"].strip(),
            minutes=self._minutes(),
            search=cleaned["search"],
            watched=watched(self.trial.rules, cleaned["watch"]) if cleaned["watch"] else (),
            **self._state(cleaned["state"]),
        )

    @property
    def oldest_first(self) -> bool:
        """Return whether the oldest entries come first."""
        return bool(self.cleaned_data["order"])

    def _state(self, state: str) -> dict[str, Any]:
        match state:
            case "":
                return {}
            case "outside":
                return {"outside": working_hours(self.trial.rules)}
            case "late":
                return {"late": self.trial.rules.trail_review.late_after_days}
        return {"states": (state,)}

    def _minutes(self) -> tuple[int, int] | None:
        first, last = self.cleaned_data["from_time"], self.cleaned_data["until_time"]
        if first is None and last is None:
            return None
        return first or 0, DAY_MINUTES - 1 if last is None else last

    def _user_id(self, name: str) -> int | None:
        if name in (NOBODY, ANYBODY):
            return -1 if name == NOBODY else -2
        return next((person.pk for person in self.people if name and person.username == name), None)

    def _midnight(self, day: date | None, days: int = 0) -> datetime | None:
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=days), time(), tzinfo=ZoneInfo(self.zone))


class TrailReviewForm(KeepsInput):
    """The reviewer's conclusion about the part of the trail that the filter shows."""

    finding = forms.ChoiceField(label=_("Result"), choices=TrailReview.Finding, widget=forms.RadioSelect)
    conclusion = forms.CharField(
        label=_("Conclusion of this review"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Your name, the filter above, the pages you saw and the time are recorded with it."),
    )


def _named(text: str) -> str:
    """Return the text if it can be the name of a form, table or item; otherwise an empty text."""
    return text if NAME.fullmatch(text) else ""
