"""Dates compared with facts about a patient: the death, the end of study, now, and the first consent.

A partial date decides only as a whole. No Django.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from protocol.document.items import MOMENT_TYPES, Form
from protocol.document.items import path as path_of
from protocol.values.moments import Moment, before
from protocol.values.parsing import CheckFinding
from protocol.values.refusals import gettext_noop
from protocol.values.row_ids import row_id

AFTER_DEATH, AFTER_END, IN_THE_FUTURE, BEFORE_CONSENT = (
    "after_death",
    "after_end",
    "in_the_future",
    "before_consent",
)
# What a date or time contradicts, by check.
DATED = {
    AFTER_DEATH: gettext_noop("This is after the patient’s death: correct one of them, or confirm both."),
    AFTER_END: gettext_noop("This is after the end of study: correct one of them, or confirm both."),
    IN_THE_FUTURE: gettext_noop("This has not come yet: correct it, or confirm that it is right."),
    BEFORE_CONSENT: gettext_noop("This is before the first consent: correct one of them, or confirm both."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFacts:
    """The facts about a patient with which dates are compared, as stored; None if not known or not to be compared.

    ended: the last day of the study. consent: the first one. zone: of the site.
    """

    died: str | None
    ended: date | None
    consent: str | None
    now: datetime
    zone: str

    def moments(self, checks: Iterable[str] = tuple(DATED)) -> dict[str, Moment | None]:
        """Return the moments of checks of `DATED`, in their order."""
        return {check: self._moment(check) for check in checks}

    def _moment(self, check: str) -> Moment | None:
        if check == IN_THE_FUTURE:
            return Moment.from_datetime(self.now, self.zone)
        if check == AFTER_END:
            return Moment.from_date(self.ended, self.zone) if self.ended else None
        text = self.died if check == AFTER_DEATH else self.consent
        return Moment.from_iso(text, self.zone) if text else None


def dated_answers(form: Form, values: Mapping[str, Any], zone: str) -> Iterator[tuple[str, str, Moment]]:
    """Yield path, item and moment of each answered date or time, those in tables included."""
    return ((where, item, Moment.from_iso(text, zone)) for where, item, text in dated_texts(form, values))


def dated_texts(form: Form, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield path, item and stored text of each answered date or time, those in tables included."""
    for item in form.dated_items:
        value = values.get(item.name)
        for column in item.columns:
            rows = value if column.type in MOMENT_TYPES and isinstance(value, list) else ()
            for cells in rows:
                if isinstance(text := cells.get(column.name), str):
                    yield path_of(item.name, row_id(cells), column.name), item.name, text
        if item.type in MOMENT_TYPES and isinstance(value, str):
            yield item.name, item.name, value


def date_findings(
    form: Form, values: Mapping[str, Any], facts: DateFacts, compared: Mapping[str, Collection[str]]
) -> tuple[CheckFinding, ...]:
    """Return a soft finding for each date or time that surely lies on the wrong side of a fact; one for each date.

    A partial date decides only as a whole. compared: by check the items that a check of the protocol file compares.
    """
    moments = facts.moments()
    found = (
        finding_of(where, item, contradicted(moment, moments), compared)
        for where, item, moment in dated_answers(form, values, facts.zone)
    )
    return tuple(each for each in found if each is not None)


def finding_of(
    where: str, item: str, check: str | None, compared: Mapping[str, Collection[str]]
) -> CheckFinding | None:
    """Return the finding on a date that contradicts the fact of a check; None if a check of the file says it."""
    if check is None or item in compared.get(check, ()):
        return None
    return CheckFinding(where, check, "soft", DATED[check])


def contradicted(moment: Moment, moments: Mapping[str, Moment | None]) -> str | None:
    """Return the first check whose fact a moment surely contradicts, None if it fits all.

    moments: those of the facts by check.
    """
    for check, fact in moments.items():
        one, two = (moment, fact) if check == BEFORE_CONSENT else (fact, moment)
        if one and two and before(one, two) is True:
            return check
    return None
