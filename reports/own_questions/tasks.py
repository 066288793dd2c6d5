"""Background tasks of the worker (`manage.py db_worker`) about own questions."""

import logging

from django_tasks import task

from protocol.expressions.compiled import EvaluationFailed
from reports.own_questions.answer_cache import answers_to
from reports.own_questions.visible import LOGS, ReadQuestion

LOGGER = logging.getLogger(__name__)
SECONDS = 5.0
"""After so long the answers so far are kept, so that a page that is opened meanwhile shows them."""


@task()
def evaluate_question(log: str, key: int) -> None:
    """Judge all records of a question that was saved, so that its first page need not."""
    row = LOGS[log]._default_manager.select_related("trial__protocol").get(pk=key)
    question = ReadQuestion(row, row.trial)
    if row.retired_at is not None or question.asked is None:
        return
    waiting = None
    while True:
        try:
            left = answers_to(question.asked, row.trial, seconds=SECONDS).waiting
        except EvaluationFailed as failed:
            LOGGER.warning("The question %s-%s cannot be computed: %s", log, key, failed)
            return
        # Without progress the cache takes no writes: the pages then evaluate for themselves.
        if left == 0 or left == waiting:
            return
        waiting = left
