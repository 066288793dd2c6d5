"""Keeps which records answer a question in the cache, and evaluates those of changed patients again when it is asked.

An answer depends on stored data only, no expression knows the time of day. The state of the trail is read before the
data: what is stored meanwhile makes an answer outdated at once, never too old.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, models
from django.utils import timezone

from dosing.models import Infusion, MaskedResult
from patients.models import Consent, Patient, Record, Visit
from protocol.expressions.outcome_names import EVENTS
from protocol.expressions.question_names import AskedCondition
from reports.own_questions.reading import Answers, evaluated, keys_of
from reports.own_questions.trail_state import TrailSeen, changes_since, state_of
from safety.models import AdverseEvent
from trials.models import Trial

LOGGER = logging.getLogger(__name__)
KEPT_SECONDS = 30 * 24 * 3600
BATCH = 25
READ: tuple[type[models.Model], ...] = (Patient, Visit, Record, Consent, Infusion)


@dataclass(frozen=True)
class EvaluatedRecords:
    """The answers to a question at a moment, by patient in the order of their numbers.

    waiting: how many patients are not evaluated yet, because the time ran out.
    """

    at: datetime
    by_patient: Mapping[int, Answers] = field(repr=False)
    waiting: int = 0

    @property
    def count(self) -> int:
        """Return the number of records for which the condition is true."""
        return sum(len(keys_of(true)) for true, _undecided in self.by_patient.values())

    @property
    def undecided(self) -> int:
        """Return the number of records for which the condition cannot be evaluated."""
        return sum(len(keys_of(undecided)) for _true, undecided in self.by_patient.values())

    def keys(self, *, undecided: bool = False, patient: int | None = None) -> list[int]:
        """Return the keys of the records in their order, those that cannot be evaluated if `undecided`."""
        place = 1 if undecided else 0
        found = [patient] if patient is not None else self.by_patient
        packed = b"".join(self.by_patient[key][place] for key in found if key in self.by_patient)
        return keys_of(packed).tolist()


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """The content of the cache: the trail that was seen, the answers per patient evaluated since, and how many wait."""

    seen: TrailSeen
    by_patient: dict[int, Answers]
    waiting: int


def answers_to(
    asked: AskedCondition, trial: Trial, *, seconds: float | None = None, least: int = 1
) -> EvaluatedRecords:
    """Return the answers as of now. Two queries if nothing changed since; patients that did are evaluated again.

    seconds: begin no further patients after so long; answers found until then are kept, and the next call goes on.
    least: batches of patients that are evaluated whatever the time. Raises EvaluationFailed.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    key, tables = _key(asked, trial), _tables(asked)
    at, now = timezone.now(), state_of(tables)
    known: KeptAnswers | None = cache.get(key)
    if known is not None and known.seen.state == now and not known.waiting:
        return EvaluatedRecords(at, known.by_patient)
    seen, changed = changes_since(known.seen if known else None, now, tables)
    kept = known.by_patient if known else {}
    patients = list(Patient.objects.filter(trial=trial).order_by("number").values_list("pk", flat=True))
    valid = {pk: kept[pk] for pk in patients if pk in kept and pk not in changed}
    todo = [pk for pk in patients if pk not in valid]
    for number, first in enumerate(range(0, len(todo), BATCH)):
        if number >= least and ends is not None and time.monotonic() >= ends:
            break
        valid |= evaluated(asked, trial.rules, todo[first : first + BATCH])
    found = {pk: valid[pk] for pk in patients if pk in valid}
    waiting = len(patients) - len(found)
    # If there was no time to evaluate anybody, what is kept says as much.
    if not todo or waiting < len(todo):
        _keep(key, KeptAnswers(seen, found, waiting), trial)
    return EvaluatedRecords(at, found, waiting)


def _tables(asked: AskedCondition) -> tuple[type[models.Model], ...]:
    """Return the models whose histories say whether an answer may have changed."""
    more = [(AdverseEvent, EVENTS in asked.names), (MaskedResult, asked.restricted)]
    return (*READ, *(model for model, is_read in more if is_read))


def _key(asked: AskedCondition, trial: Trial) -> str:
    # With the version of the program: an older one may have evaluated otherwise, or stored another shape.
    about = "\n".join(
        (asked.form.code, asked.expression.source, str(trial.protocol_id), str(asked.restricted))
    )
    named = hashlib.sha256(about.encode()).hexdigest()[:40]
    return f"own-question:{settings.VERSION}:{trial.pk}:{named}"


def _keep(key: str, answers: KeptAnswers, trial: Trial) -> None:
    try:
        cache.set(key, answers, KEPT_SECONDS)
    except OperationalError:
        # Reading goes on while the database takes no writes.
        LOGGER.warning("The answers to a question of trial %s were not kept in the cache", trial.pk)
