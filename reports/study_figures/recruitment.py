"""Recruitment over time: patients included by day, against the plan of the protocol."""

from datetime import date

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Patient
from reports.home.recruitment import accrual
from reports.study_figures.contract import (
    DataColumn,
    Drawing,
    DrawnFigure,
    FigureTable,
    FigureView,
    StudyFigure,
)

COLUMNS = (
    DataColumn("day", gettext_lazy("Day")),
    DataColumn("included", gettext_lazy("Included")),
    DataColumn("included_so_far", gettext_lazy("So far")),
)


class Included:
    """The patients of a trial by status and day of inclusion, on the day of the view."""

    def __init__(self, view: FigureView) -> None:
        self.trial, self.today = view.trial, view.today

    @property
    def patients(self) -> list[tuple[str, date | None, int]]:
        """Return (status, day of inclusion, number of patients). One query."""
        rows = Patient.objects.filter(trial=self.trial).order_by("enrolled_on", "state")
        return list(rows.values_list("state", "enrolled_on").annotate(number=Count("pk")))


def draw(view: FigureView) -> DrawnFigure:
    """Return the recruitment up to today. Also without a patient: the plan then stands alone."""
    found = accrual(Included(view))
    notes = (_("The plan is even recruitment over the months that the protocol names."),)
    return DrawnFigure(
        table=FigureTable(COLUMNS, found.rows),
        drawings=(Drawing("recruitment", _("Recruitment"), found.figure),),
        notes=(found.verdict, *notes) if view.rules.trial.recruitment else (found.verdict,),
    )


FIGURE = StudyFigure(
    key="recruitment",
    title=gettext_lazy("Recruitment over time"),
    question=gettext_lazy("How many patients are included by which day, and how many does the plan expect?"),
    draw=draw,
)
