"""Figures on the queries of a trial: open, answered, by form, age of the oldest, days to an answer. Two queries."""

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import CharField, Count, DateTimeField, Min, Value
from django.db.models.functions import Coalesce, Concat
from django.utils import timezone

from accounts.models import User
from audit.compiled_queries import CompiledValues
from audit.trail import history_model
from patients.models import Query, QueryRow
from patients.queries.filters import OTHER
from trials.models import Trial

# The median covers the latest answers only, so that it shows the present pace of the site.
RECENT = 500


def _first_answers(trial: int, log: type[QueryRow] = Query) -> Any:
    """Return when each query was opened, and first answered or closed."""
    # Changes only (`~`): a query that was closed in the save that raised it has a single row of type `+`.
    rows = history_model(log)._default_manager.filter(
        history_trial=trial, history_type="~", state__in=(Query.State.ANSWERED, Query.State.CLOSED)
    )
    first = (
        rows.order_by()
        .values("id", "opened_at")
        .annotate(first=Min("history_date", output_field=DateTimeField()))
    )
    return first.order_by("-first").values_list("opened_at", "first")[:RECENT]


FIRST_ANSWERS = CompiledValues(_first_answers, trial=int)


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """The figures above the list. `oldest_days` is None without an open query, `days_to_answer` before any answer."""

    open: int
    answered: int
    oldest_days: int | None
    days_to_answer: float | None
    by_form: tuple[tuple[str, int], ...]


def query_figures(*, user: User, trial: Trial, log: type[QueryRow] = Query) -> QueryFigures:
    """Return the figures over the queries of a trial, of one log, that the person may see."""
    rows = log.objects.visible_to(user).filter(patient__trial=trial, state__in=log.OPEN_STATES).order_by()
    other = Concat(Value(OTHER), "target", output_field=CharField())
    counted = list(
        rows.annotate(about=Coalesce("record__form", other) if log is Query else other)
        .values_list("about", "state")
        .annotate(number=Count("pk"), oldest=Min("opened_at"))
    )
    by_form: Counter[str] = Counter()
    by_state: Counter[str] = Counter()
    for form, state, number, _oldest in counted:
        by_form[form] += number
        by_state[state] += number
    oldest = min((since for *_rest, since in counted), default=None)
    return QueryFigures(
        open=by_state[Query.State.OPEN],
        answered=by_state[Query.State.ANSWERED],
        oldest_days=(timezone.now() - oldest).days if oldest else None,
        days_to_answer=days_to_answer(trial, log),
        by_form=tuple(by_form.most_common()),
    )


def days_to_answer(trial: Trial, log: type[QueryRow] = Query) -> float | None:
    """Return the median days from raising a query to its first answer or closing, over the latest RECENT.

    A query of a check that was confirmed in the same save was never open and does not count.
    """
    rows = FIRST_ANSWERS.rows(trial=trial.pk) if log is Query else _first_answers(trial.pk, log)
    days = [(end - start).total_seconds() / 86_400 for start, end in rows]
    return float(median(days)) if days else None
