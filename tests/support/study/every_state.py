"""Both shipped trials with something to show on every page: drafts, queries, marks, signatures, events, locks."""

from datetime import timedelta

from accounts.models import User
from audit.context import acting
from demo.patients import Populator
from demo.people import make_people
from demo.ranges import example_laboratory
from demo.stories import FRESH, PNEUMONIA, Story
from patients.models import Record
from patients.participation import visits
from patients.queries import threads
from patients.review import locks
from tests.support import build
from trials.models import Trial

STORIES = (
    Story(16, entered_until=12, infusions=2, signed=True, events=(FRESH, PNEUMONIA)),
    Story(20, stage="screen_failed"),
    Story(1, stage="eligible"),
    Story(1, stage="screening"),
)


def trials() -> tuple[list[Trial], dict[str, User]]:
    """Return both trials, filled, and the people who hold one role each in both."""
    both = [build.trial(slug) for slug in (build.LIEGE, build.COVID_MSV)]
    with acting(system="test"):
        people = make_people(both, build.PASSWORD)
        for trial in both:
            example_laboratory(trial)
    for trial in both:
        populator = Populator(trial, people, build.PASSWORD, seed=20)
        for story in STORIES:
            populator.create(story)
        _ask(trial, people)
        _miss(trial, people["coordinator"])
        _hold(trial, people["data_manager"])
    return both, people


def _ask(trial: Trial, people: dict[str, User]) -> None:
    """Raise, answer and close queries."""
    rows = Record.objects.filter(patient__trial=trial, form="demography").order_by("pk")[:3]
    for position, record in enumerate(rows):
        with acting(user=people["monitor"], role="monitor"):
            query = threads.raise_query(
                record=record, item="weight", text="Is this of the day?", origin="monitor",
                by=people["monitor"], role="monitor",
            )  # fmt: skip
        if position:
            with acting(user=people["coordinator"], role="coordinator"):
                threads.answer_query(
                    query=query, text="Yes, at eight", by=people["coordinator"], role="coordinator"
                )


def _miss(trial: Trial, by: User) -> None:
    patient = trial.patients.filter(state="enrolled").order_by("pk")[0]
    late = patient.visits.filter(state="planned", planned_on__lt=trial.today - timedelta(days=1)).first()
    if late is not None:
        with acting(user=by, role="coordinator"):
            visits.miss_visit(visit=late, reason="Nobody came", by=by)


def _hold(trial: Trial, by: User) -> None:
    record = Record.objects.filter(patient__trial=trial, form="demography").order_by("pk")[0]
    with acting(user=by, role="data_manager"):
        locks.freeze(target=record, reason="Interim analysis", by=by)
