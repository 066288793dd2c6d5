"""`manage.py allocation_list`: generates the list once, and prints nothing of its content."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dosing.models import AllocationList, AllocationSlot
from tests.support import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("allocation_list", *arguments, stdout=out)
    return out.getvalue()


def test_the_list_is_made_before_the_first_patient(trial):
    """RND-01."""
    output = run("--trial", trial.slug)

    places = AllocationSlot.objects.filter(trial=trial).count()
    assert places >= 2 * trial.rules.trial.target
    assert output == f"NCT04361942: {places} places by permuted-blocks-1. The list is final.\n"


def test_nothing_of_its_content_is_printed(trial):
    """BLD-01: the output contains no seed, no arm and no block size."""
    output = run("--trial", trial.slug, "--size", "100")

    made = AllocationList.objects.get(trial=trial)
    assert made.seed not in output
    assert not [arm.code for arm in trial.rules.arms if arm.code in output]


def test_the_trail_shows_that_a_command_made_it(trial):
    """AUD-10."""
    run("--trial", trial.slug)

    row = AllocationList.history.get(trial_id=trial.pk)
    assert row.history_user_name.startswith("system:allocation for account:")
    assert row.history_origin == "command"


def test_it_is_made_once(trial):
    """RND-03."""
    run("--trial", trial.slug)
    before = list(AllocationSlot.objects.order_by("pk").values_list("arm", flat=True))
    with pytest.raises(CommandError, match="exists already"):
        run("--trial", trial.slug)

    assert list(AllocationSlot.objects.order_by("pk").values_list("arm", flat=True)) == before


def test_the_first_patient_takes_the_first_place_of_that_list(trial):
    run("--trial", trial.slug)
    patient = build.eligible(trial=trial)

    assert patient.allocation.position == 1
    assert AllocationList.objects.filter(trial=trial).count() == 1


@pytest.mark.parametrize("size", ["0", "-4", "23"])
def test_a_list_too_short_for_the_trial_is_refused(trial, size):
    with pytest.raises(CommandError, match="24 patients"):
        run("--trial", trial.slug, "--size", size)

    assert not AllocationList.objects.exists()


def test_a_trial_that_does_not_randomise_has_no_list():
    liege = build.trial()
    with pytest.raises(CommandError, match="does not randomise"):
        run("--trial", liege.slug)


def test_an_unknown_trial_is_reported(db):
    with pytest.raises(CommandError, match="no trial “nct0”"):
        run("--trial", "nct0")
