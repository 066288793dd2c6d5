"""Recruitment by month against the plan of the protocol."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from django.utils.translation import gettext as _

from protocol.values.writing import month_year_text
from reports.figures import charts
from reports.home.recruitment import plan_of
from reports.packs.contents import DASH, PackSection, PackTable, PackView, decimal


def recruitment(view: PackView) -> PackSection:
    """Return screened and included patients by month, and what the plan expects by its end. One query."""
    days = sorted(row.enrolled_on for row in view.included if row.enrolled_on)
    plan = plan_of(view.rules.trial, days[0] if days else None)
    included = Counter(day.replace(day=1) for day in days)
    screened = Counter(row.screened_on.replace(day=1) for row in view.patients)
    rows, so_far = [], 0
    last = view.today
    if len(days) >= view.rules.trial.target:
        # The target is reached: the months after the last screening and the plan would repeat one line.
        last = min(last, max([*screened, *included, *(plan[1:2] if plan else ())]))
    for month in _months([*screened, *included], last):
        so_far += included[month]
        end = min(_next(month) - timedelta(days=1), view.today)
        expected = decimal(charts.planned(plan, end)) if plan else DASH
        rows.append(
            [
                month_year_text(month, view.language),
                str(screened[month]),
                str(included[month]),
                str(so_far),
                expected,
            ]
        )
    target = _("The target is %(target)d patients.") % {"target": view.rules.trial.target}
    table = PackTable(
        title=_("Recruitment by month"),
        how=_(
            "Patients by the month of the day of screening, and of the day of inclusion. Planned: even recruitment "
            "over the months that the protocol names, up to the last day of the month. Once the target is reached, the "
            "table ends with the last screening or the plan."
        ),
        columns=[_("Month"), _("Screened"), _("Included"), _("Included so far"), _("Planned so far")],
        rows=rows,
        note=target if plan else " ".join([target, _("No plan in the protocol.")]),
        empty=_("Nobody was screened."),
    )
    return PackSection(_("Recruitment"), [table])


def _months(known: list[date], last: date) -> Iterator[date]:
    """Yield the first day of each month from the first known one to that of a day; none without a known one."""
    month = min(known, default=None)
    while month is not None and month <= last:
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
