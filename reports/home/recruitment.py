"""Accrual: patients included by day, against the even recruitment planned in the protocol."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from django.utils.translation import gettext as _

from protocol.document.design import Recruitment, TrialFacts
from protocol.values.writing import month_year_text
from reports.figures import charts
from reports.figures.shapes import Figure
from trials.models import Trial
from trials.reader import reader_language, shown_day

Plan = tuple[date, date, int]


@dataclass(frozen=True, slots=True)
class Accrual:
    """The figure, its summary, and the rows of its data table (day, included, cumulative)."""

    figure: Figure
    verdict: str
    tone: str
    rows: list[tuple[date, int, int]]


def plan_of(facts: TrialFacts, first_inclusion: date | None) -> Plan | None:
    """Return (first day, last day, target) of the recruitment, or None if the protocol has no plan.

    If the first patient is included after the planned end, the same number of months counts from that month:
    the planned dates no longer apply.
    """
    if facts.recruitment is None:
        return None
    starts = date.fromisoformat(f"{facts.recruitment.starts}-01")
    ends = _ends(starts, facts.recruitment)
    if first_inclusion and first_inclusion > ends:
        starts = first_inclusion.replace(day=1)
        ends = _ends(starts, facts.recruitment)
    return starts, ends, facts.target


def _ends(starts: date, recruitment: Recruitment) -> date:
    month = starts.month - 1 + recruitment.months
    return date(starts.year + month // 12, month % 12 + 1, 1)


class CountedPatients(Protocol):
    """The data of the accrual: the trial, its day, and (status, day of inclusion, number) of its patients."""

    trial: Trial
    today: date

    @property
    def patients(self) -> Iterable[tuple[str, date | None, int]]:
        """Return the numbers of patients by status and day of inclusion."""


def accrual(work: CountedPatients) -> Accrual:
    """Return the accrual of the trial up to today."""
    facts = work.trial.rules.trial
    by_day = Counter({on: 0 for _state, on, _number in work.patients if on})
    for _state, on, number in work.patients:
        if on:
            by_day[on] += number
    rows, so_far = [], 0
    for on in sorted(by_day):
        so_far += by_day[on]
        rows.append((on, by_day[on], so_far))
    plan = plan_of(facts, rows[0][0] if rows else None)
    verdict, tone = _verdict(so_far, facts.target, plan, work.today)
    return Accrual(_figure(rows, so_far, plan, work.today, verdict), verdict, tone, rows)


def _verdict(enrolled: int, target: int, plan: Plan | None, today: date) -> tuple[str, str]:
    if enrolled >= target:
        return _("Target reached"), "done"
    if plan is None:
        return _("No plan in the protocol"), "none"
    behind = round(charts.planned(plan, today)) - enrolled
    if behind <= 0:
        return _("On plan"), "done"
    return _("%(behind)s behind plan") % {"behind": behind}, "draft"


def drawn_until(rows: list[tuple[date, int, int]], target: int, today: date) -> date:
    """Return the last day of the figure: that of the last inclusion once the target is reached, else today."""
    return rows[-1][0] if rows and rows[-1][2] >= target else today


def _figure(
    rows: list[tuple[date, int, int]], enrolled: int, plan: Plan | None, today: date, verdict: str
) -> Figure:
    language = reader_language()
    until = drawn_until(rows, plan[2], today) if plan else today
    expected = round(charts.planned(plan, until)) if plan else 0
    tips = [_("%(day)s: %(number)s included") % {"day": shown_day(on), "number": n} for on, _new, n in rows]
    label = _("Recruitment: %(enrolled)s included by %(day)s. %(verdict)s.") % {
        "enrolled": enrolled,
        "day": shown_day(today),
        "verdict": verdict,
    }
    return charts.accrual(
        charts.AccrualCurve(
            label=label,
            steps=[(on, number) for on, _new, number in rows],
            plan=plan,
            until=until,
            now_label=_("%(enrolled)s included") % {"enrolled": enrolled},
            plan_label=_("plan %(target)s") % {"target": expected} if plan else "",
            tips=tips,
            month=lambda day: month_year_text(day, language),
        )
    )
