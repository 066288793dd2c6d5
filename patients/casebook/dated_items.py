"""The dates of complete forms compared again, after the death, the end of study or the consent changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.edit_checks import CONSENTS, compared_items, date_facts
from patients.signals import ENDED_ON
from protocol.document.document import Protocol
from protocol.values.compared_dates import (
    AFTER_DEATH,
    AFTER_END,
    BEFORE_CONSENT,
    DATED,
    contradicted,
    dated_texts,
    finding_of,
)
from protocol.values.moments import Moment
from protocol.values.parsing import CheckFinding

CHECKS_OF: Mapping[str, tuple[str, ...]] = {
    ENDED_ON: (AFTER_END, AFTER_DEATH),
    **dict.fromkeys(CONSENTS, (BEFORE_CONSENT,)),
}
"""By the name of a fact: the checks that compare dates with it."""
ORDER = tuple(DATED)
"""The checks of dates, in the order in which one is chosen for a date that contradicts several facts."""
Known = dict[str, str | None]
"""By date, as stored: the check that it contradicts, or None."""
Key = tuple[str, str, str, str]
"""Item, id of the row, column, check; row and column are empty for a date that is not in a table."""


def checks_of(name: str, rules: Protocol) -> tuple[str, ...]:
    """Return the checks that compare dates with a fact, by its name in expressions."""
    return (AFTER_DEATH,) if name == rules.profile.died_on else CHECKS_OF.get(name, ())


class KnownMoments:
    """The moments with which dates are compared, found once for all kinds of forms that are compared with the same.

    Each comes with what was found of each date so far: a day is compared once for all forms and rows of a log.
    """

    def __init__(self, casebook: Casebook) -> None:
        self.casebook = casebook
        self._found: dict[tuple[int, bool, bool, int], tuple[Mapping[str, Moment | None], Known]] = {}

    def of(self, place: FormPlace, last: int) -> tuple[Mapping[str, Moment | None], "Known"]:
        """Return the moments by check, until the check at `last` of ORDER. No query if the date of death is read."""
        asks_consent = bool(place.form.samples or place.form.procedure)
        key = place.protocol.pk, bool(place.date_of_death), asks_consent, last
        if key not in self._found:
            facts = date_facts(self.casebook, place)
            self._found[key] = facts.moments(ORDER[: last + 1]), {}
        return self._found[key]


@dataclass(frozen=True, slots=True)
class ComparedDates:
    """The dates of the forms of one kind, and the checks that compare them with what is known about the patient.

    moments: those of the facts by check, until the last of the checks: a date has one finding, that of the first check.
    said: by check the items that a check of the protocol file compares itself.
    known: by date, as stored, the check that it contradicts, so that a day is compared once for the rows of a log.
    """

    place: FormPlace
    checks: Collection[str]
    zone: str
    moments: Mapping[str, Moment | None]
    said: Mapping[str, Collection[str]]
    known: Known

    @classmethod
    def of(cls, moments: KnownMoments, place: FormPlace, checks: Collection[str]) -> "ComparedDates":
        """Return the dates of the forms of this kind. No query if the date of death is read."""
        zone = place.protocol.rules.trial.site.time_zone
        found, known = moments.of(place, max(map(ORDER.index, checks)))
        return cls(place, checks, zone, found, compared_items(place), known)

    def checked(self, values: Mapping[str, Any]) -> dict[Key, CheckFinding | None]:
        """Check the dates of a complete form: the finding by item, row, column and check, or None."""
        checked: dict[Key, CheckFinding | None] = {}
        for where, item, text in dated_texts(self.place.form, values):
            finding = finding_of(where, item, self._contradicted(text), self.said)
            name, row, column, *_none = (*where.split("-"), "", "")
            for check in self.checks:
                is_found = finding is not None and finding.check == check
                checked[name, row, column, check] = finding if is_found else None
        return checked

    def contradict(self, values: Mapping[str, Any]) -> bool:
        """Return True if `checked` would hold a finding. In most forms there is none."""
        for _where, item, text in dated_texts(self.place.form, values):
            check = self._contradicted(text)
            if check in self.checks and item not in self.said.get(check or "", ()):
                return True
        return False

    def _contradicted(self, text: str) -> str | None:
        if text not in self.known:
            self.known[text] = contradicted(Moment.from_iso(text, self.zone), self.moments)
        return self.known[text]
