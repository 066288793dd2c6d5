"""Who had access between two days, and its review every six months (ACC-03, ACC-04)."""

import csv
from datetime import date, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.context import acting
from audit.models import AccessEvent, Signature
from tests.support import build
from tests.support.pages.entry_pages import words
from trials.delegations import delegation
from trials.delegations.access_in_force import access_in_force
from trials.delegations.access_review import due_on, review_access
from trials.delegations.permission_words import WORDS
from trials.models import AccessReview, Delegation
from trials.permissions import Permission

pytestmark = pytest.mark.django_db


@pytest.fixture
def acts(administrator):
    with acting(user=administrator, role="administrator"):
        yield administrator


def page(trial, end=""):
    return f"/trials/{trial.slug}/people/access/{end}"


def give(user, trial, by, starts_on, ends_on=None, reason=""):
    return delegation.delegate(
        user=user, trial=trial, role="monitor", starts_on=starts_on, ends_on=ends_on, by=by, reason=reason
    )


def names(trial, since, until):
    return [line.delegation.user.full_name for line in access_in_force(trial, since, until)]


def test_a_role_that_begins_before_today_needs_a_reason(trial, acts):
    """ACC-03: granted today from 1 January."""
    person = build.user("monitor")
    with pytest.raises(ValidationError, match="recorded only now"):
        give(person, trial, acts, date(2026, 1, 1))
    row = give(person, trial, acts, date(2026, 1, 1), reason="The paper log was found late")
    assert Delegation.history.get(id=row.pk).history_change_reason == "The paper log was found late"
    assert give(build.user("monitor"), trial, acts, trial.today).reason == ""


def test_the_list_shows_when_a_role_was_recorded_and_why_later(trial, acts, doctor):
    person = build.user("monitor", full_name="Late Monitor")
    give(person, trial, acts, date(2026, 1, 1), reason="The paper log was found late")
    shown = words(build.client(doctor).get(page(trial)))
    assert "Late Monitor" in shown
    recorded = shown.split("Late Monitor")[1]
    assert "01-Jan-2026" in recorded
    assert "recorded later The paper log was found late" in recorded
    assert "verify data against their source" in recorded


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_a_last_day_before_the_last_action_is_refused(trial, acts, nurse):
    """ACC-04: the log must not deny what the trail shows."""
    patient = build.patient(trial=trial, by=nurse)
    assert patient.pk
    row = nurse.delegations.get()
    with pytest.raises(ValidationError, match="was active in this role on 15-Sep-2026"):
        delegation.end_delegation(
            delegation=row, ends_on=trial.today - timedelta(days=1), reason="left", by=acts
        )
    delegation.end_delegation(delegation=row, ends_on=trial.today, reason="left", by=acts)


def test_access_is_stopped_at_once_with_todays_day(trial, administrator, nurse):
    """ACC-04."""
    build.patient(trial=trial, by=nurse)
    browser, row = build.client(nurse), nurse.delegations.get()
    sent = {"ends_on": "15/9/2026", "at_once": "on", "reason": "left"}
    answer = build.client(administrator).post(
        f"/trials/{trial.slug}/people/{nurse.pk}/role/{row.pk}/end/", sent, follow=True
    )
    assert answer.status_code == 200
    assert "stopped 15-Sep-2026" in answer.content.decode()
    assert browser.get(f"/trials/{trial.slug}/").status_code == 404
    with acting(user=administrator):
        again = give(nurse, trial, administrator, trial.today)
    assert Delegation.objects.active().get(user=nurse) == again


def test_at_once_is_today(trial, acts, nurse):
    tomorrow = trial.today + timedelta(days=1)
    with pytest.raises(ValidationError, match="give today"):
        delegation.end_delegation(
            delegation=nurse.delegations.get(), ends_on=tomorrow, reason="x", by=acts, at_once=True
        )


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_who_had_access_between_two_days(trial, acts):
    """ACC-03: the first and the last day are included; a deactivated account has none in between."""
    first, last = date(2026, 9, 1), date(2026, 9, 30)
    for name, begins, ends in (
        ("Before", "2026-08-01", "2026-08-31"),
        ("On The First", "2026-08-01", "2026-09-01"),
        ("On The Last", "2026-09-30", None),
        ("After", "2026-10-01", None),
    ):
        person = build.user("monitor", full_name=name)
        build.delegate(
            person, trial=trial, role="monitor", starts_on=date.fromisoformat(begins),
            ends_on=date.fromisoformat(ends) if ends else None,
        )  # fmt: skip
    gone = build.user("monitor", trial=trial, full_name="Gone")
    with time_machine.travel("2026-08-20 09:00Z"):
        delegation.deactivate(user=gone, reason="left", by=acts)
    assert [name for name in names(trial, first, last) if name != acts.full_name] == [
        "On The First", "On The Last",
    ]  # fmt: skip
    assert "Gone" in names(trial, date(2026, 8, 1), date(2026, 8, 20))


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_a_deactivation_has_its_day_and_who_did_it(trial, acts, doctor):
    person = build.user("monitor", trial=trial, full_name="Paused Monitor")
    delegation.deactivate(user=person, reason="leave", by=acts)
    delegation.reactivate(user=person, reason="back", by=acts)
    shown = words(build.client(doctor).get(page(trial))).split("Paused Monitor")[1]
    assert f"Deactivated 15-Sep-2026 11:00 by {acts.full_name}: leave; active again 15-Sep-2026" in shown


def test_the_csv_has_the_same_rows_and_is_an_event(trial, acts, doctor):
    """SEC-15, AUD-08."""
    give(build.user("monitor", full_name="=Formula"), trial, acts, date(2026, 1, 1), reason="late")
    answer = build.client(doctor).get(page(trial, "?since=01/09/2026&until=30/09/2026&format=csv"))
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))
    assert len(rows) == len(access_in_force(trial, date(2026, 9, 1), date(2026, 9, 30)))
    late = next(row for row in rows if row["from"] == "2026-01-01")
    assert (late["full_name"], late["recorded_later_because"]) == ("'=Formula", "late")
    assert AccessEvent.objects.get(kind="exported").detail["listing"] == "access"


@pytest.mark.parametrize("query", ["since=30/02/2026", "since=02/09/2026&until=01/09/2026", "until=x"])
def test_days_that_cannot_be_read_are_refused_beside_the_field(trial, doctor, query):
    assert build.client(doctor).get(page(trial, f"?{query}")).status_code == 400


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_costs_the_same_queries_whatever_its_length(
    trial, doctor, number, django_assert_max_num_queries
):
    for _each in range(number):
        build.user("monitor", trial=trial)
    browser = build.client(doctor)
    with django_assert_max_num_queries(9):
        browser.get(page(trial))


@pytest.mark.parametrize("number", [1, 3])
def test_the_pages_of_training_reviews_and_a_person_cost_the_same_whatever_their_length(
    trial, doctor, number, django_assert_max_num_queries
):
    for _each in range(number):
        build.user("monitor", trial=trial)
    browser, base = build.client(doctor), f"/trials/{trial.slug}"
    for address, most in (
        (f"{base}/training/", 8),
        (page(trial, "reviews/"), 7),
        (f"{base}/people/{doctor.pk}/", 22),
    ):
        browser.get(address)
        with django_assert_max_num_queries(most):
            browser.get(address)


def test_every_right_has_words():
    assert set(WORDS) == set(Permission)


class TestReview:
    """ACC-03: every six months somebody attests that access is as it has to be."""

    @pytest.fixture
    def chief(self, trial):
        return build.user("principal_investigator", trial=trial)

    def test_a_review_stores_the_list_signed(self, trial, chief, nurse):
        sent = {
            "since": "01/03/2026", "until": "15/09/2026", "conclusion": "Miguel has left: role ended.",
            "password": build.PASSWORD,
        }  # fmt: skip
        answer = build.client(chief).post(page(trial, "reviews/new/"), sent, follow=True)
        assert "The review of access is recorded" in answer.content.decode()
        row = AccessReview.objects.get()
        assert [each["user"] for each in row.rows] == [
            each.username for each in sorted((chief, nurse), key=lambda one: one.full_name)
        ]
        assert (
            Signature.objects.get(target_type="trials.accessreview", target_id=row.pk).signer_id == chief.pk
        )
        shown = words(build.client(nurse).get(page(trial, f"reviews/{row.pk}/")))
        assert nurse.full_name in shown
        assert "Miguel has left" in shown

    @pytest.mark.parametrize(
        "wrong", [{"password": "wrong"}, {"until": "16/09/2026"}, {"until": "01/02/2026"}, {"conclusion": ""}]
    )
    def test_a_refused_review_stores_nothing_and_keeps_what_was_typed(self, trial, chief, wrong):
        sent = {
            "since": "01/03/2026", "until": "15/09/2026", "conclusion": "As it has to be",
            "password": build.PASSWORD, **wrong,
        }  # fmt: skip
        answer = build.client(chief).post(page(trial, "reviews/new/"), sent)
        assert answer.status_code == 422
        assert sent["conclusion"] in answer.content.decode()
        assert not AccessReview.objects.exists()

    def test_it_is_due_every_six_months_and_home_says_when_it_is_overdue(self, trial, chief, administrator):
        assert due_on(trial) == trial.today + timedelta(days=182)
        assert (
            "Access had to be reviewed"
            not in build.client(chief).get(f"/trials/{trial.slug}/").content.decode()
        )
        with acting(user=chief):
            review_access(
                trial=trial, since=date(2026, 1, 1), until=trial.today, conclusion="fine",
                password=build.PASSWORD, by=chief,
            )  # fmt: skip
        with time_machine.travel(timezone.now() + timedelta(days=160), tick=False):
            notices = build.client(chief).get(f"/trials/{trial.slug}/notices/").content.decode()
            assert "Access has to be reviewed" in notices
        with time_machine.travel(timezone.now() + timedelta(days=190), tick=False):
            for person, told in (
                (chief, True),
                (administrator, True),
                (build.user("monitor", trial=trial), False),
            ):
                home = build.client(person).get(f"/trials/{trial.slug}/").content.decode()
                assert ("Access had to be reviewed by 16-Mar-2027" in home) is told
