"""The page of the outcomes: counts, and the patients and events behind each number."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports.outcomes.counting import OutcomeCount, OutcomeEvent, counted
from reports.outcomes.safety_rows import outcome_events
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

TITLES: dict[str, Promise] = {
    "AESI": _("Events of special interest"),
    "AR": _("Adverse reactions (AR)"),
    "AR3": _("Adverse reactions of grade 3 or more"),
    "AR4": _("Adverse reactions of a grade above 3"),
    "SAE": _("Serious adverse events (SAE)"),
    "SAR": _("Serious adverse reactions (SAR)"),
    "SESAR": _("Serious expected adverse reactions (SESAR)"),
    "SUSAR": _("Suspected unexpected serious adverse reactions (SUSAR)"),
}


@dataclass(frozen=True)
class OutcomeLine:
    """One row of the table."""

    code: str
    title: str | Promise
    last_day: int
    patients: int
    events: int
    open_patients: int
    open_events: int


@trial_page(see=P.SEE_TRIAL)
def safety_outcomes(request: TrialRequest) -> HttpResponse:
    """Show the safety outcomes of the trial; `?outcome=SAR` lists what is behind one of them."""
    counts = {count.outcome.code: count for count in counted(outcome_events(request.access))}
    chosen = counts.get(request.GET.get("outcome", ""))
    context = {
        "lines": [_line(count) for count in counts.values()],
        "chosen": _line(chosen) if chosen else None,
        "behind": _behind(chosen) if chosen else [],
    }
    return render(request, "reports/outcomes.html", context)


def _line(count: OutcomeCount) -> OutcomeLine:
    outcome = count.outcome
    return OutcomeLine(
        code=outcome.code,
        title=TITLES[outcome.code],
        last_day=outcome.last_day,
        patients=len(count.patients),
        events=len(count.events),
        open_patients=len(count.undetermined_patients),
        open_events=len(count.undetermined),
    )


def _behind(count: OutcomeCount) -> list[tuple[OutcomeEvent, bool]]:
    """Return the events behind a number, by patient: each with whether it is counted."""
    rows = [*((event, True) for event in count.events), *((event, False) for event in count.undetermined)]
    return sorted(rows, key=lambda row: (row[0].patient, row[0].number))
