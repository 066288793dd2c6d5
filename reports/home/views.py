"""The home page: outstanding work, the matrix of patients, and the progress of the trial."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.addresses import address
from patients.models import Patient, Visit
from reports.home import event_grades, next_steps, recruitment, selection, tasks
from reports.home.access_reminder import overdue_access_review
from reports.home.matrix import COLUMNS, MatrixRow, columns_of, matrix, visits_of
from reports.home.trail_warnings import trail_warnings
from reports.home.workload import Workload
from reports.own_questions.on_home import counted_questions
from reports.quality import measures
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_short_day

MOST_SHORTCUTS = 12


@dataclass(frozen=True, slots=True)
class NextVisit:
    """One row of the table of next visits."""

    patient: str
    url: str
    title: str
    when: str
    tone: str
    status: str


@trial_page(see=P.SEE_TRIAL)
def home(request: TrialRequest) -> HttpResponse:
    """Show the reader's tasks, the patients and the trial's figures."""
    access, work = request.access, Workload(request.access)
    grid = _grid(request, work)
    context = {
        "greeting": _greeting(work),
        "today": work.today,
        "enrolled": work.enrolled,
        "target": access.trial.rules.trial.target,
        "warnings": trail_warnings(work),
        "access_review": overdue_access_review(work),
        "tiles": tasks.tiles(work),
        "next_steps": next_steps.next_steps(work),
        "accrual": recruitment.accrual(work),
        "events": event_grades.event_grades(work),
        "measures": measures.measures(work),
        "questions": counted_questions(access),
        "next_visits": [_next_visit(visit, work) for visit in work.next_visits()],
        "may_screen": access.may(P.SCREEN) and access.trial.recruiting and not access.trial.locked_at,
        "sign_here": access.may(P.SIGN) and grid["chosen"].name == "unsigned",
        "report_on": _shortcuts(grid["rows"]) if access.may(P.REPORT_EVENT) else [],
        **grid,
    }
    return render(request, "reports/home.html", context)


def _greeting(work: Workload) -> str:
    hour = work.now.astimezone(work.trial.zone).hour
    parameters = {"name": work.user.full_name or work.user.username}
    if hour < 12:
        return _("Good morning, %(name)s") % parameters
    return (_("Good afternoon, %(name)s") if hour < 18 else _("Good evening, %(name)s")) % parameters


def _grid(request: TrialRequest, work: Workload) -> dict[str, Any]:
    """Return the context of the matrix: `show` selects patients, `page` and `visits` select rows and columns."""
    chosen = selection.chosen(request.GET.get("show", ""))
    visits = visits_of(work.trial.rules, work.earlier_rules)
    page, strips = _positive(request.GET.get("page")), -(-len(visits) // COLUMNS)
    strip = min(_positive(request.GET.get("visits")), strips)
    patients, more = selection.page_of(chosen, page, on=selection.OnDay(work.today, work.died_on), **work.who)
    columns = columns_of(visits, (strip - 1) * COLUMNS)
    return {
        "chosen": chosen,
        "by_status": selection.BY_STATUS,
        "by_work": selection.BY_WORK,
        "columns": columns,
        "rows": matrix(access=work.access, patients=patients, columns=columns, today=work.today),
        "previous_page": _address(request, page=page - 1) if page > 1 else "",
        "next_page": _address(request, page=page + 1) if more else "",
        "previous_visits": _address(request, visits=strip - 1) if strip > 1 else "",
        "later_visits": _address(request, visits=strip + 1) if strip < strips else "",
    }


def _positive(text: str | None) -> int:
    """Return the positive number in a URL parameter, or 1 for anything else: a damaged link still opens."""
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1


def _address(request: TrialRequest, **changed: int) -> str:
    query = request.GET.copy()
    for name, value in changed.items():
        query[name] = str(value)
    return f"?{query.urlencode()}#patients"


def _shortcuts(rows: Sequence[MatrixRow]) -> list[MatrixRow]:
    """Return the patients in follow-up, for whom an adverse event is most likely reported."""
    return [row for row in rows if row.patient.state == Patient.State.ENROLLED][:MOST_SHORTCUTS]


def _next_visit(visit: Visit, work: Workload) -> NextVisit:
    today, rules = work.today, work.rules[visit.patient.protocol_id]
    planned = visit.planned_on or visit.window_from or today
    open_now = visit.window_from is not None and visit.window_from <= today
    days = (planned - today).days
    if open_now:
        tone, status = "due", _("Due now")
    else:
        tone, status = "none", _("in %(days)s d") % {"days": days}
    when = _("Today") if days == 0 else shown_short_day(planned, today)
    url = address("patients:visit", work.trial.slug, visit.patient.code, visit.key)
    title = next_steps.planned_title(rules, visit.key, reader_language())
    return NextVisit(visit.patient.code, url, title, when, tone, status)
