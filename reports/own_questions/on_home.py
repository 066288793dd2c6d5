"""The answers of own questions, counted on the home page."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.addresses import address
from audit.compiled_queries import CompiledQuery
from protocol.expressions.compiled import EvaluationFailed
from reports.models import OwnProductQuestion, OwnQuestion, QuestionRow
from reports.own_questions.answer_cache import answers_to
from reports.own_questions.visible import ReadQuestion, masks, offered_to
from trials.access import Access
from trials.reader import shown_number

MOST = 12
SECONDS = 0.5
"""How long the home page evaluates changed patients; of a question that takes longer it says so."""

HOME, PRODUCT_HOME = (
    CompiledQuery(
        lambda trial, user, model=model: offered_to(
            model._default_manager.filter(trial=trial, on_home=True), user
        ).order_by("name", "pk")[:MOST],
        trial=int,
        user=int,
    )
    for model in (OwnQuestion, OwnProductQuestion)
)


@dataclass(frozen=True, slots=True)
class CountedQuestion:
    """A question with the number of records that answer it. note: how many cannot be evaluated, or are not yet."""

    name: str
    url: str
    count: str
    note: str


def counted_questions(access: Access) -> list[CountedQuestion]:
    """Return the questions to count on the home page of a reader.

    One query, two for who may know the treatment; three more for each question, more if patients changed since.
    """
    who = {"trial": access.trial.pk, "user": access.user.pk}
    rows: list[QuestionRow] = [*HOME.rows(**who), *(PRODUCT_HOME.rows(**who) if masks(access) else [])]
    return list(_counted(access, rows[:MOST]))


def _counted(access: Access, rows: list[QuestionRow]) -> Iterator[CountedQuestion]:
    ends = time.monotonic() + SECONDS
    for row in rows:
        count, note = _count(ReadQuestion(row, access.trial), max(0.0, ends - time.monotonic()))
        yield CountedQuestion(
            row.name, address("reports:own-question", access.trial.slug, row.log, row.pk), count, note
        )


def _count(question: ReadQuestion, seconds: float) -> tuple[str, str]:
    if question.asked is None:
        return "–", _("cannot be asked of the protocol in force")
    try:
        # Without time left a question costs no more than its answers that are kept.
        found = answers_to(question.asked, question.trial, seconds=seconds, least=1 if seconds else 0)
    except EvaluationFailed:
        return "–", _("cannot be computed")
    if found.waiting:
        return "–", _("not all patients are judged yet: open it")
    undecided = found.undecided
    note = ngettext("%(number)s cannot be judged", "%(number)s cannot be judged", undecided)
    return shown_number(str(found.count)), note % {
        "number": shown_number(str(undecided))
    } if undecided else ""
