"""A protocol version is put in force on its first day by `manage.py due`, before anybody is screened under it."""

from datetime import date

import pytest
import time_machine
from django.core.management import call_command

from audit.trail import history_model
from operation.due_work import protocol_versions
from tests.support import build
from tests.support.study import amended_protocol
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import put_due_in_force

pytestmark = pytest.mark.django_db

BEGINS = date(2021, 4, 1)
# At the site in Brussels that day begins at 22:00 UTC of the day before.
BEFORE, MIDNIGHT = "2021-03-31T21:59:00+00:00", "2021-03-31T22:00:00+00:00"


@pytest.fixture
def version(walking: Trial) -> ProtocolVersion:
    """Version 1.1 of a running trial, to come."""
    return amended_protocol.amendment(BEGINS)


def in_force(trial: Trial) -> str:
    return str(Trial.objects.get(pk=trial.pk).protocol)


def test_a_version_is_in_force_from_midnight_at_the_site(walking, version):
    """DAT-09: nobody has to screen a patient or run a command."""
    with time_machine.travel(BEFORE, tick=False):
        assert protocol_versions() == "no version begins"
        assert in_force(walking) == "1.0"
    with time_machine.travel(MIDNIGHT, tick=False):
        assert protocol_versions() == f"{walking} 1.1 is in force"
        assert in_force(walking) == "1.1"
        assert protocol_versions() == "no version begins"


def test_the_trail_says_which_process_did_it_and_why(walking, version):
    """AUD-10."""
    with time_machine.travel(MIDNIGHT, tick=False):
        call_command("due", now="protocol versions")
    row = history_model(Trial).objects.filter(id=walking.pk).latest("history_id")
    assert (row.protocol_id, row.history_user_name) == (version.pk, "system:in_force")
    assert str(row.history_change_reason) == "Its first day in force has come"


def test_the_rules_of_the_trial_are_those_of_the_version(walking, version):
    """Pages and printed forms of the trial, which belong to no patient, follow them."""
    with time_machine.travel(MIDNIGHT, tick=False):
        assert Trial.objects.get().rules.dosing.infusions == 1
        call_command("due", now="protocol versions")
        assert Trial.objects.get().rules.dosing.infusions == 2


def test_the_only_version_of_a_new_trial_begins_by_itself(walking, version):
    """A trial in which nobody could be screened yet."""
    with time_machine.travel("2021-03-01T09:00:00+00:00", tick=False):
        build.version(build.protocol_text(build.LIEGE), effective_from=BEGINS)
        assert Trial.objects.get(slug=build.LIEGE).protocol is None
    with time_machine.travel(MIDNIGHT, tick=False):
        call_command("due", now="protocol versions")
    assert {str(trial.protocol) for trial in Trial.objects.all()} == {"1.0", "1.1"}


def test_a_withdrawn_version_never_begins(walking, version):
    with build.acting(system="test"):
        ProtocolVersion.objects.filter(pk=version.pk).update(
            withdrawn_at="2021-03-21T09:00Z", withdrawn_because="Not approved"
        )
    with time_machine.travel(MIDNIGHT, tick=False):
        assert protocol_versions() == "no version begins"
    assert in_force(walking) == "1.0"


@pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
def test_a_frozen_or_locked_trial_keeps_its_version_and_holds_up_no_other(walking, version, column):
    """ACC-08: the database would refuse it, and the work would fail every five minutes."""
    with time_machine.travel("2021-03-01T09:00:00+00:00", tick=False):
        build.version(build.protocol_text(build.LIEGE), effective_from=BEGINS)
    with build.acting(system="test"):
        Trial.objects.filter(pk=walking.pk).update(**{column: "2021-03-22T09:00Z"})
    with time_machine.travel(MIDNIGHT, tick=False):
        assert protocol_versions() == f"{build.LIEGE.upper()} 1.0 is in force"
    assert in_force(walking) == "1.0"


def test_a_look_for_versions_costs_two_queries(walking, version, django_assert_num_queries):
    """It runs every five minutes on every machine."""
    with django_assert_num_queries(2):
        assert put_due_in_force() == []
