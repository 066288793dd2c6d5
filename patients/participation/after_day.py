"""Acts after the day from which the patient no longer takes part: visits held, infusions given, samples taken.

A step that stores such a day asks about each: either the day or the other record is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Patient, Sample, Visit
from patients.participation.milestones import days_of
from patients.participation.questions import Question
from trials.reader import shown_day


@dataclass(frozen=True, slots=True)
class LastDays:
    """The last day on which each is allowed; None for no limit. A thing of that day itself is allowed."""

    visits: date | None = None
    infusions: date | None = None
    samples: date | None = None


@dataclass(frozen=True, slots=True)
class _Sentences:
    visit: str | Promise
    infusion: str | Promise
    sample: str | Promise


AFTER_WITHDRAWAL = _Sentences(
    gettext_lazy("Visit %(what)s was held on %(day)s, after the withdrawal of consent on %(last)s."),
    gettext_lazy("Infusion %(what)s was given on %(day)s, after the withdrawal of consent on %(last)s."),
    gettext_lazy("Sample %(what)s was taken on %(day)s, after the withdrawal of consent on %(last)s."),
)
AFTER_END = _Sentences(
    gettext_lazy("Visit %(what)s was held on %(day)s, after the end of study on %(last)s."),
    gettext_lazy("Infusion %(what)s was given on %(day)s, after the end of study on %(last)s."),
    gettext_lazy("Sample %(what)s was taken on %(day)s, after the end of study on %(last)s."),
)


def earliest(*days: date | None) -> date | None:
    """Return the earliest of some days, None if there is none."""
    return min((day for day in days if day is not None), default=None)


def questions_after_withdrawal(patient: Patient, last: LastDays) -> list[Question]:
    """Return a question about each thing done after a withdrawal. At most four queries."""
    return [*_questions(patient, last, AFTER_WITHDRAWAL, "withdrawn")]


def questions_after_end(patient: Patient, day: date) -> list[Question]:
    """Return a question about each thing done after the end of study. At most four queries."""
    return [*_questions(patient, LastDays(day, day, day), AFTER_END, "ended")]


def _questions(patient: Patient, last: LastDays, words: _Sentences, cause: str) -> Iterator[Question]:
    slug = patient.trial.slug

    def question(
        sentence: str | Promise, what: object, day: date, limit: date, page: str, place: object
    ) -> Question:
        text = str(sentence) % {"what": what, "day": shown_day(day), "last": shown_day(limit)}
        address = (page, (slug, patient.code, place), "")
        return Question(f"{cause}:{limit}:{page}:{place}:{day}", text, address, _("Open it"))

    if last.visits is not None:
        held = Visit.objects.filter(patient=patient, state=Visit.State.HELD, held_on__gt=last.visits)
        for visit in held.order_by("held_on", "position", "number"):
            if visit.held_on:
                yield question(
                    words.visit, visit.key, visit.held_on, last.visits, "patients:visit", visit.key
                )
    if last.infusions is not None:
        for number, day in sorted(days_of(patient).items()):
            if day > last.infusions:
                yield question(words.infusion, number, day, last.infusions, "dosing:infusion", number)
    if last.samples is not None:
        taken = Sample.objects.filter(patient=patient, collected_at__isnull=False).in_force()
        for sample in taken.order_by("number"):
            day = patient.trial.day_of(sample.collected_at)
            if day > last.samples:
                yield question(words.sample, sample.code, day, last.samples, "patients:sample", sample.number)
