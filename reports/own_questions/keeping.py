"""Saves, changes and retires own questions, and raises queries on the records that answer one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Patient, Query
from patients.participation.lifecycle import lock_patients
from patients.queries.bulk import raise_queries, refuse_too_many
from protocol.expressions.compiled import EvaluationFailed
from reports.models import OwnProductQuestion, OwnQuestion, QuestionRow
from reports.own_questions.reading import evaluated, keys_of
from reports.own_questions.visible import ReadQuestion
from trials.models import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFacts:
    """The choices of a person for a question, as `QuestionRow` stores it. restricted: it reads masked results."""

    name: str
    form: str
    condition: str
    columns: Sequence[str]
    item: str
    shared: bool
    on_home: bool
    restricted: bool


@transaction.atomic
def save_question(*, trial: Trial, facts: QuestionFacts, by: User) -> QuestionRow:
    """Store a question. Raises ValidationError if the person has another of this name."""
    model = OwnProductQuestion if facts.restricted else OwnQuestion
    row = model(trial=trial, owner=by)
    _set(row, facts)
    row.save()
    return row


@transaction.atomic
def change_question(*, question: QuestionRow, facts: QuestionFacts, seen: int, by: User) -> QuestionRow:
    """Change a question of this person. seen: its version that the page showed.

    Raises ValidationError for a taken name, a question that was changed or retired meanwhile or is of somebody else,
    and one that would read masked results for the first time: its answers belong in the other log.
    """
    row: QuestionRow = type(question)._default_manager.select_for_update().get(pk=question.pk)
    if row.owner_id != by.pk or row.retired_at is not None:
        raise ValidationError(_("This question is not yours, or it was retired. Save it as a new one."))
    if row.version != seen:
        raise ValidationError(_("The question was changed meanwhile. Open it again and repeat your change."))
    if facts.restricted and row.log != OwnProductQuestion.log:
        raise ValidationError(
            {
                "condition": _(
                    "This reads masked results, the question did not so far. Save it as a new question."
                )
            }
        )
    _set(row, facts)
    row.version += 1
    row.save()
    return row


def _set(row: QuestionRow, facts: QuestionFacts) -> None:
    for name in ("name", "form", "condition", "item", "shared", "on_home"):
        setattr(row, name, getattr(facts, name))
    row.columns = list(facts.columns)
    row.validate_constraints()


@transaction.atomic
def retire_question(*, question: QuestionRow, by: User) -> None:
    """Offer a question no longer. Raises ValidationError if it is of somebody else. A second click changes nothing."""
    row: QuestionRow = type(question)._default_manager.select_for_update().get(pk=question.pk)
    if row.owner_id != by.pk:
        raise ValidationError(_("Only its owner retires a question."))
    if row.retired_at is None:
        row.retired_at, row.version = timezone.now(), row.version + 1
        row.save()


def mark_of(question: QuestionRow) -> str:
    """Return how the batch of the queries raised from a question begins."""
    return f"q{question.pk}-"


def already_asked(question: QuestionRow, records: Iterable[int]) -> set[int]:
    """Return the records with an open query that was raised from a question. One query."""
    if question.log == OwnProductQuestion.log:
        return set()
    rows = Query.objects.filter(record__in=list(records), state__in=Query.OPEN_STATES)
    return set(rows.filter(batch__startswith=mark_of(question)).values_list("record_id", flat=True))


@transaction.atomic
def raise_from_question(
    *,
    question: ReadQuestion,
    targets: Iterable[tuple[int, str]],
    text: str,
    origin: str,
    by: User,
    role: str,
    batch: str,
) -> list[Query]:
    """Raise a query with one text on records, given as (record key, item), that answer the question now.

    Records for which the condition is not true any more, or that have an open query of this question, are left out, as
    are those that `raise_queries` leaves out. batch begins with `mark_of`. Raises ValidationError as `raise_queries`
    does, and for a question on the product: a query would tell its answer to who may not know it.
    """
    if question.restricted:
        raise ValidationError(_("No query is raised from a question on the product."))
    chosen = dict.fromkeys(targets)
    refuse_too_many(len(chosen))
    people = Patient.objects.filter(trial=question.trial, records__in={record for record, _item in chosen})
    keys = sorted(set(people.order_by().values_list("pk", flat=True)))
    # Judged under the locks: a colleague may have corrected a value since the page was shown.
    lock_patients(Patient.objects.filter(pk__in=keys))
    if already := list(Query.objects.filter(opened_by=by, batch=batch)):
        return already
    asked = question.asked
    try:
        answers = evaluated(asked, question.trial.rules, keys) if asked is not None else {}
    except EvaluationFailed as failed:
        raise ValidationError(
            _("The condition of this question cannot be computed. Its owner can change it.")
        ) from failed
    true = {record for found, _undecided in answers.values() for record in keys_of(found)}
    left_out = already_asked(question.row, true)
    wanted = [(record, item) for record, item in chosen if record in true and record not in left_out]
    if chosen and not wanted:
        raise ValidationError(
            _("None of these records answers the question any more, or all are asked already.")
        )
    return raise_queries(targets=wanted, text=text, origin=origin, by=by, role=role, batch=batch)
