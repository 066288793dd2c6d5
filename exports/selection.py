"""Which rows an export holds: as of a moment, by state of review, by form, visit, patient and day."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from exports.tables.past import begin_of, trail_clock
from patients.participation.visits import UNSCHEDULED
from protocol.values.moments import EXAMPLE, parse_day, parse_moment
from protocol.values.writing import second_text
from trials.models import Trial
from trials.reader import reader_language, shown_day


class Only(models.TextChoices):
    """Steps of review of which an export can require one."""

    SIGNED = "signed", pgettext_lazy("rows of an export", "Signed, and not changed since")
    VERIFIED = "verified", pgettext_lazy("rows of an export", "Verified against the source")
    LOCKED = "locked", pgettext_lazy("rows of an export", "Locked")


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """The selection of an export. as_of: an aware moment, None for now. forms, visits, patients: codes; empty for all.

    until: rows of a later day are left out. drafts: whether forms that nobody completed are included. shared: the data
    are de-identified (`exports.tables.sharing`); free_text: with texts that people typed all the same.
    """

    as_of: datetime | None = None
    only: str = ""
    drafts: bool = True
    forms: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    until: date | None = None
    shared: bool = False
    free_text: bool = False

    @property
    def narrows_values(self) -> bool:
        """Return whether captured values are left out that the trail or a query would still tell."""
        return bool(self.only or not self.drafts or self.forms or self.visits or self.until or self.shared)

    def told(self) -> dict[str, Any]:
        """Return the choices as plain values, for the register, the manifest and a stored request; none if all rows."""
        found: dict[str, Any] = {
            "as_of": self.as_of.isoformat() if self.as_of else "",
            "only": self.only,
            "without_drafts": not self.drafts,
            "forms": list(self.forms),
            "visits": list(self.visits),
            "patients": list(self.patients),
            "until": self.until.isoformat() if self.until else "",
            "shared": self.shared,
            "free_text": self.free_text,
        }
        return {name: value for name, value in found.items() if value}


EVERYTHING: Final = ChosenRows()


def from_told(told: dict[str, Any]) -> ChosenRows:
    """Return the selection that `ChosenRows.told` described."""
    return ChosenRows(
        as_of=datetime.fromisoformat(told["as_of"]) if told.get("as_of") else None,
        only=str(told.get("only", "")),
        drafts=not told.get("without_drafts", False),
        forms=tuple(told.get("forms", ())),
        visits=tuple(told.get("visits", ())),
        patients=tuple(told.get("patients", ())),
        until=date.fromisoformat(told["until"]) if told.get("until") else None,
        shared=bool(told.get("shared")),
        free_text=bool(told.get("free_text")),
    )


class ChoiceRefused(ValueError):
    """A choice that names something that does not exist: `field` names the choice, the message what exists."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def moment_of(trial: Trial, typed: str) -> datetime | None:
    """Return the moment that was typed; None for an empty text.

    A day, of ISO 8601 or as people type it, is the end of that day at the site; a date and time without offset is on
    the clock of the site. Raises ChoiceRefused for another text, a moment to come, or one before the trial existed.
    One query.
    """
    text = typed.strip()
    if not text:
        return None
    moment = _iso_moment(trial, text) or _typed_moment(trial, text)
    if moment is None:
        says = _("“%(typed)s” is no moment. Write %(day)s, %(day)s 14:30 or 2026-03-01T14:30+01:00.")
        raise ChoiceRefused("as_of", says % {"typed": text[:60], "day": shown_day(EXAMPLE)})
    if moment > trail_clock():
        raise ChoiceRefused("as_of", _("This moment has not come yet: choose one that has passed."))
    first = begin_of(trial)
    if moment < first:
        says = _("The trial did not exist then. Its data begin at %(moment)s.")
        at_site = second_text(first.astimezone(trial.zone), reader_language())
        raise ChoiceRefused("as_of", says % {"moment": at_site})
    return moment


def _iso_moment(trial: Trial, text: str) -> datetime | None:
    try:
        # A day without hyphens too: read as a moment it would be the beginning of the day.
        with suppress(ValueError):
            return _end_of(date.fromisoformat(text), trial)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=trial.zone)


def _typed_moment(trial: Trial, text: str) -> datetime | None:
    """Return the moment of a day or of a minute as people type it, such as 01-Mar-2026 14:30; None for other text."""
    try:
        read = parse_moment(text, trial.rules.trial.site.time_zone)
        if read.precision == "day":
            return _end_of(read.first_day, trial)
    except (ValueError, OverflowError):
        return None
    return read.earliest if read.precision == "minute" else None


def _end_of(day: date, trial: Trial) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), trial.zone) - timedelta(microseconds=1)


def day_of(trial: Trial, typed: str) -> date | None:
    """Return the day that was typed, of ISO 8601 or as people type it; None for an empty text.

    Raises ChoiceRefused for another text.
    """
    text = typed.strip()
    if not text:
        return None
    try:
        return parse_day(text, trial.rules.trial.site.time_zone).date
    except ValueError:
        raise ChoiceRefused(
            "until",
            _("“%(typed)s” is no day. Write it as %(day)s.") % {"typed": text, "day": shown_day(EXAMPLE)},
        ) from None


def _forms(trial: Trial) -> list[str]:
    return list(dict.fromkeys(code for rules in trial.all_rules.values() for code in rules.forms))


def _visits(trial: Trial) -> list[str]:
    planned = [visit.code for rules in trial.all_rules.values() for visit in rules.visits]
    return list(dict.fromkeys([*planned, UNSCHEDULED]))


def _patients(trial: Trial) -> list[str]:
    return list(trial.patients.order_by("number").values_list("code", flat=True))


KNOWN: dict[str, tuple[Callable[[Trial], list[str]], Any]] = {
    "forms": (_forms, gettext_lazy("There is no form %(typed)s. The trial has %(known)s.")),
    "visits": (_visits, gettext_lazy("There is no visit %(typed)s. The trial has %(known)s.")),
    "patients": (_patients, gettext_lazy("There is no patient %(typed)s. The trial has %(known)s.")),
}


def codes_of(trial: Trial, field: str, typed: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of `field` (forms, visits or patients) as the trial writes them, each once.

    Raises ChoiceRefused for one that does not exist, with those that do.
    """
    asked = [code for text in typed for code in text.replace(",", " ").split()]
    if not asked:
        return ()
    known_codes, words = KNOWN[field]
    known = {code.casefold(): code for code in known_codes(trial)}
    for code in asked:
        if code.casefold() not in known:
            listed = ", ".join(known.values()) or _("none")
            raise ChoiceRefused(field, words % {"typed": code, "known": listed})
    return tuple(dict.fromkeys(known[code.casefold()] for code in asked))


def chosen(
    trial: Trial,
    *,
    as_of: str = "",
    only: str = "",
    drafts: bool = True,
    forms: Iterable[str] = (),
    visits: Iterable[str] = (),
    patients: Iterable[str] = (),
    until: str = "",
    shared: bool = False,
    free_text: bool = False,
) -> ChosenRows:
    """Return the selection that was typed. Raises ChoiceRefused for what does not exist."""
    return ChosenRows(
        as_of=moment_of(trial, as_of),
        only=only,
        drafts=drafts,
        forms=codes_of(trial, "forms", forms),
        visits=codes_of(trial, "visits", visits),
        patients=codes_of(trial, "patients", patients),
        until=day_of(trial, until),
        shared=shared,
        free_text=free_text,
    )
