"""Measures of data quality, each with its current value and its target."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from patients.participation.visit_status import COMPLETE, DRAFT
from reports.home.workload import Workload
from trials.reader import shown_number

# Targets from data-management practice; no regulation sets a number.
MOST_OLD_QUERIES = 0
MOST_DAYS_TO_ANSWER = 3
MOST_DAYS_TO_ENTRY = 2
LEAST_COMPLETE_PERCENT = 95
MOST_MISSING_PERCENT = 1


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table. `met` is None if there is no value yet."""

    name: str | Promise
    now: str
    aim: str
    met: bool | None


def measures(work: Workload) -> list[Measure]:
    """Return the measures of the trial today."""
    return [_old_queries(work), _days_to_answer(work), _days_to_entry(work), _complete(work), _missing(work)]


def _old_queries(work: Workload) -> Measure:
    now, old = work.queries["open"], work.queries["old"]
    text = _("%(open)s (%(old)s older than a week)") % {"open": now, "old": old}
    return Measure(_("Open queries"), text, _("none older than a week"), old <= MOST_OLD_QUERIES)


def _days(name: str, value: float | None, most: int) -> Measure:
    aim = _("at most %(days)s") % {"days": most}
    return Measure(
        name,
        "–" if value is None else shown_number(f"{value:.1f}"),
        aim,
        None if value is None else value <= most,
    )


def _days_to_answer(work: Workload) -> Measure:
    return _days(_("Median days to answer"), work.days_to_answer, MOST_DAYS_TO_ANSWER)


def _days_to_entry(work: Workload) -> Measure:
    return _days(_("Median days from visit to entry"), work.days_to_entry, MOST_DAYS_TO_ENTRY)


def _complete(work: Workload) -> Measure:
    expected, done = work.forms_expected, work.required_forms(COMPLETE)
    percent = 100 * min(done, expected) / expected if expected else None
    now = "–" if percent is None else _("%(percent)s %%") % {"percent": f"{percent:.0f}"}
    aim = _("at least %(percent)s %%") % {"percent": LEAST_COMPLETE_PERCENT}
    return Measure(
        _("Required forms complete"), now, aim, None if percent is None else percent >= LEAST_COMPLETE_PERCENT
    )


def _missing(work: Workload) -> Measure:
    expected, begun = work.forms_expected, work.required_forms(DRAFT)
    percent = 100 * max(0, expected - begun) / expected if expected else None
    now = "–" if percent is None else _("%(percent)s %%") % {"percent": shown_number(f"{percent:.1f}")}
    aim = _("at most %(percent)s %%") % {"percent": MOST_MISSING_PERCENT}
    return Measure(
        _("Required forms missing"), now, aim, None if percent is None else percent <= MOST_MISSING_PERCENT
    )
