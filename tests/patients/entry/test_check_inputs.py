"""A closed query of an edit check is raised again when an item that its check reads is changed."""

from collections.abc import Iterator

import pytest
import time_machine

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query
from patients.queries.threads import close_query
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.entered_forms import at, draft
from trials.models import Trial

pytestmark = pytest.mark.django_db

CHECK = 'on = "pulse", severity = "soft", violated = "pulse > 180.0"'
WALKED = {"pulse": "120", "steps": "4000"}


@pytest.fixture
def day() -> Iterator[None]:
    with time_machine.travel(amended_protocol.NOW, tick=False):
        yield


def trial_whose_check_is(violated: str, definition: str = "vitals.pulse > 0.0") -> Trial:
    """Return WALK with one check on the mood."""
    told = f'on = "mood", severity = "soft", violated = "{violated}"'
    text = amended_protocol.text("1.0").replace(CHECK, told)
    return build.version(f'definitions = {{ busy = "{definition}" }}\n{text}').trial


def seen(trial: Trial) -> tuple[Patient, User]:
    by = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial, by=by)
    build.consent(patient, by=by)
    return patient, by


def settled_and_changed(trial: Trial, **changed: str) -> list[str]:
    """Save answers on which the check fires, close its query, save others, and return the queries' states."""
    patient, by = seen(trial)
    draft(at(patient, by), by, WALKED)
    manager = build.user("data_manager", trial=trial)
    with acting(user=manager, role="data_manager"):
        close_query(query=Query.objects.get(), text="As in the source", by=manager, role="data_manager")
    draft(at(patient, by), by, {**WALKED, **changed}, base=1)
    return list(Query.objects.order_by("pk").values_list("state", flat=True))


def test_an_item_read_through_a_definition_raises_the_query_again(day: None) -> None:
    trial = trial_whose_check_is("definition.busy", "vitals.pulse > 100.0 && vitals.steps > 1000.0")

    assert settled_and_changed(trial, steps="9000") == ["closed", "open"]


def test_an_item_that_the_check_does_not_read_leaves_the_query_closed(day: None) -> None:
    trial = trial_whose_check_is("definition.busy", "vitals.pulse > 100.0")

    assert settled_and_changed(trial, steps="9000") == ["closed"]


def test_a_word_in_a_text_of_the_expression_is_no_item(day: None) -> None:
    """`steps` stands in quotes only: the check does not read the item of that name."""
    trial = trial_whose_check_is("pulse > 100.0 && 'steps' != 'pulse'")

    assert settled_and_changed(trial, steps="9000") == ["closed"]


def test_the_last_answer_is_the_one_on_this_form(day: None) -> None:
    trial = trial_whose_check_is("last(vitals.steps) > 1000.0")

    assert settled_and_changed(trial, steps="9000") == ["closed", "open"]
