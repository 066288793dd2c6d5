"""The administrator's home tells how long rows wait for a seal, and warns of clock and copies (AUD-07, REL-10)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit import clock
from audit.context import acting
from audit.models import ClockTurn, TrailReview
from audit.sealing import seal_files, seals
from audit.sealing.seal_times import waiting
from reports.home.tiles import unsealed
from reports.home.workload import Workload
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from trials.access import access_to
from trials.models import Trial
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


def home(trial: Trial, role: str = "administrator") -> str:
    return build.client(build.user(role, trial=trial)).get(f"/trials/{trial.slug}/").content.decode()


def turn(**marks: int) -> ClockTurn:
    now = timezone.now()
    return ClockTurn.objects.create(
        found_at=now, before=now, after=now - timedelta(hours=2, minutes=5), seal=0, marks=marks
    )


def test_the_age_of_the_oldest_row_without_a_seal_is_shown(trial):
    with acting(system="seal"):
        seals.seal(reason="test")
    with acting(system="test"):
        Trial.objects.filter(pk=trial.pk).update(recruiting=False)
    waited = seals_wait(trial, minutes=12)
    assert "12 min" in waited
    assert "until then only triggers protect it" in waited
    assert "nothing is sealed by time" in seals_wait(trial, minutes=75)


def seals_wait(trial: Trial, *, minutes: int) -> str:
    """Return the tile as it will be after some minutes, by the clock that dates the rows."""
    work = Workload(access_to(user=build.user("administrator", trial=trial), slug=trial.slug))
    oldest = waiting().oldest
    assert oldest is not None
    work.now = oldest + timedelta(minutes=minutes, seconds=1)
    tile = unsealed(work)
    return f"{tile.count} {tile.note}"


@pytest.mark.parametrize("role", each_engine_or_one(ROLES))
def test_only_the_administrator_is_told(trial, role):
    turn()
    assert ("was set back by 2 h 5 min" in home(trial, role)) is (role == "administrator")


def test_a_clock_that_is_behind_the_newest_row_is_told_at_once(trial, monkeypatch):
    """Before anything has recorded it."""
    behind = timezone.now() - timedelta(hours=3)
    monkeypatch.setattr(clock, "now_of_rows", lambda: behind)
    assert "behind the newest entry of the audit trail" in home(trial)


def test_a_review_of_the_trail_ends_the_warning(trial):
    """The order of writing decides whether it was after the turn."""

    def review() -> TrailReview:
        return TrailReview.objects.create(
            trial_id=trial.pk, reviewer_id=1, reviewer_name="Rita", role="data_manager",
            reviewed_at=timezone.now(), filters={}, rows_seen=1, conclusion="The clock was set by hand.",
        )  # fmt: skip

    before = review()
    turn(audit_trailreview=before.pk)
    assert "was set back" in home(trial)
    review()
    assert "was set back" not in home(trial)


def test_a_copy_of_the_seals_that_cannot_be_written_is_told(trial, settings, tmp_path):
    settings.SEAL_COPIES = [str(tmp_path / "not mounted")]
    assert "cannot be written" not in home(trial)
    with acting(system="seal"):
        seals.seal(reason="test")
        seal_files.catch_up_files()
    assert f"The copy of the seals {tmp_path / 'not mounted' / 'seals.log'} cannot be written" in home(trial)
