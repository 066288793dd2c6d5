"""The own questions that a reader is offered, and the condition of one in the reader's trial.

A question that reads masked results exists only for who may know the treatment: for every other reader its address is
not found, and no list or count holds it. The questions of colleagues are seen once they are shared.
"""

from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q, QuerySet
from django.http import Http404

from protocol.document.items import Form, Item
from protocol.expressions.compiled import ExpressionError
from protocol.expressions.question_names import AskedCondition, asked_condition, asked_items
from reports.models import OwnProductQuestion, OwnQuestion, QuestionRow
from reports.own_questions.course import CourseColumn, course_columns
from trials.access import Access, TrialRequest
from trials.models import Trial

LOGS: dict[str, type[QuestionRow]] = {
    OwnQuestion.log: OwnQuestion,
    OwnProductQuestion.log: OwnProductQuestion,
}


def masks(access: Access) -> bool:
    """Return True if the reader may use masked items: the trial has some, and the reader may know the treatment."""
    return access.trial.masked and access.sees_treatment


def visible_questions(access: Access, log: str, **which: object) -> "QuerySet[QuestionRow]":
    """Return the questions of a log that a reader is offered, by name."""
    rows: QuerySet[QuestionRow] = LOGS[log]._default_manager.filter(trial=access.trial, **which)
    if log == OwnProductQuestion.log and not masks(access):
        return rows.none()
    return offered_to(rows, access.user.pk).select_related("owner")


def offered_to(rows: "QuerySet[QuestionRow]", user: int) -> "QuerySet[QuestionRow]":
    """Keep the questions in use that are shared, or are this person's own."""
    return rows.filter(Q(shared=True) | Q(owner=user), retired_at=None)


def offered_questions(access: Access, **which: object) -> list[QuestionRow]:
    """Return the questions of both logs that a reader is offered. One query, two for who may know the treatment."""
    logs = (OwnQuestion.log, OwnProductQuestion.log) if masks(access) else (OwnQuestion.log,)
    rows = [row for log in logs for row in visible_questions(access, log, **which)]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.log, row.pk))


def question_of(request: TrialRequest, log: str, number: int) -> QuestionRow:
    """Return a question that the reader is offered. Raises Http404. One query."""
    if log not in LOGS or number >= 2**63:
        raise Http404
    row = visible_questions(request.access, log, pk=number).first()
    if row is None:
        raise Http404
    return row


def form_of(trial: Trial, code: str) -> Form | None:
    """Return a form of the protocol in force; None if it has none of this code."""
    return trial.rules.forms.get(code)


@dataclass(frozen=True)
class ReadQuestion:
    """A question as the protocol in force reads it."""

    row: QuestionRow
    trial: Trial

    @cached_property
    def form(self) -> Form | None:
        return form_of(self.trial, self.row.form)

    @property
    def restricted(self) -> bool:
        """Return True if its answers tell the treatment."""
        return self.row.log == OwnProductQuestion.log

    @cached_property
    def asked(self) -> AskedCondition | None:
        """Return the compiled condition; None if the protocol has its form or a name no more."""
        if self.form is None:
            return None
        try:
            return asked_condition(self.trial.rules, self.form, self.row.condition, masked=self.restricted)
        except ExpressionError:
            return None

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Return the items of the chosen columns that the form still has; without any, those of the condition."""
        if self.form is None:
            return ()
        wanted = tuple(self.row.columns) or (self.asked.own_items if self.asked else ())
        return tuple(item for item in asked_items(self.form, masked=self.restricted) if item.name in wanted)

    @cached_property
    def course(self) -> tuple[CourseColumn, ...]:
        """Return the chosen columns on the infusions and events of the patient."""
        return course_columns(self.row.columns)
