"""Roles of two people in two trials, and ranges of two laboratories: which row a rule of the trial looks at."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from allauth.mfa.models import Authenticator

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.reference_ranges import START, facts, given
from tests.support.study.refusals import refused
from trials.access import access_to
from trials.delegations import delegation
from trials.delegations.factor_recovery import ask_recovery, remove_factors
from trials.laboratories import ranges
from trials.models import Delegation, Laboratory, ReferenceRange, Trial
from trials.versions.loading import put_in_force

pytestmark = [pytest.mark.django_db, pytest.mark.at(datetime(2026, 3, 30, 10, 0, tzinfo=UTC))]

TODAY, BEFORE, AFTER = date(2026, 3, 30), date(2026, 3, 29), date(2026, 3, 31)
FIRST_DAY = date(2026, 3, 2)
NOT_MANAGED = "in a trial that you do not manage"


@pytest.fixture
def chief(trial: Trial) -> User:
    """The administrator of the trial, who acts."""
    return build.user("administrator", trial=trial)


@pytest.fixture(autouse=True)
def _acts(chief: User):
    with acting(user=chief, role="administrator"):
        yield


@pytest.fixture
def other(db) -> Trial:
    """Another trial."""
    return build.trial(build.COVID_MSV)


def give(
    user: User, trial: Trial, role: str, by: User, starts_on: date = FIRST_DAY, ends_on: date | None = None
) -> Delegation:
    return delegation.delegate(
        user=user, trial=trial, role=role, starts_on=starts_on, ends_on=ends_on, by=by, reason="late"
    )


class TestRoles:
    """ACC-01 to ACC-04."""

    def test_two_people_hold_a_role_on_the_same_days(self, trial, chief):
        rows = [give(build.user("monitor"), trial, "monitor", chief) for _each in range(2)]
        assert len({row.user_id for row in rows}) == 2

    def test_a_person_has_one_role_in_each_trial(self, trial, other, chief):
        person = build.user("monitor")
        give(person, trial, "monitor", chief)
        assert give(person, other, "data_manager", chief).trial_id == other.pk
        assert list(refused(give, person, trial, "data_manager", chief)) == [""]

    def test_a_role_may_end_the_day_before_a_later_one_begins(self, trial, chief):
        person = build.user("monitor")
        give(person, trial, "monitor", chief, starts_on=date(2026, 4, 10))
        assert list(refused(give, person, trial, "data_manager", chief, ends_on=date(2026, 4, 10))) == [""]
        assert give(person, trial, "data_manager", chief, ends_on=date(2026, 4, 9)).role == "data_manager"

    def test_a_role_of_a_single_day_is_one(self, trial, chief):
        inspector = build.user("inspector")
        assert refused(give, inspector, trial, "inspector", chief, ends_on=date(2026, 3, 1)) == {
            "ends_on": ["The last day must not be before the first day."]
        }
        assert give(inspector, trial, "inspector", chief, ends_on=FIRST_DAY).ends_on == FIRST_DAY

    def test_a_deactivated_person_gets_no_role(self, trial, chief):
        """ACC-04."""
        person = build.user("monitor", trial=trial)
        delegation.deactivate(user=person, reason="left", by=chief)
        named = User.objects.get(pk=person.pk)
        answer = refused(give, named, trial, "monitor", chief, starts_on=date(2027, 1, 1))
        assert answer == {"": [f"{named} is deactivated and cannot get a role."]}

    def test_a_role_ends_on_its_first_day_at_the_earliest(self, trial, chief):
        mine, their = (give(build.user("monitor"), trial, "monitor", chief) for _each in range(2))
        answer = refused(
            delegation.end_delegation, delegation=mine, ends_on=date(2026, 3, 1), reason="left", by=chief
        )
        assert answer == {"ends_on": ["The last day must not be before the first day."]}
        delegation.end_delegation(delegation=mine, ends_on=FIRST_DAY, reason="left", by=chief)
        assert Delegation.objects.get(pk=mine.pk).ends_on == FIRST_DAY
        assert Delegation.objects.get(pk=their.pk).ends_on is None

    @pytest.mark.parametrize(
        ("starts_on", "ends_on", "opens"),
        [(TODAY, None, True), (AFTER, None, False), (FIRST_DAY, TODAY, True), (FIRST_DAY, BEFORE, False)],
    )
    def test_a_role_opens_the_trial_from_its_first_to_its_last_day(
        self, trial, other, starts_on, ends_on, opens
    ):
        person = build.user("monitor")
        build.delegate(person, trial=trial, role="monitor", starts_on=starts_on, ends_on=ends_on)
        found = access_to(user=person, slug=trial.slug)
        assert (found is not None) is opens
        assert access_to(user=person, slug=other.slug) is None
        assert list(Trial.objects.visible_to(person)) == ([trial] if opens else [])

    def test_the_role_of_today_is_the_one_that_counts(self, trial):
        """ACC-01: the earlier role has ended, the later one has not begun."""
        person = build.user("monitor")
        for role, starts_on, ends_on in (
            ("coordinator", FIRST_DAY, BEFORE), ("monitor", TODAY, TODAY), ("data_manager", AFTER, None)
        ):  # fmt: skip
            build.delegate(person, trial=trial, role=role, starts_on=starts_on, ends_on=ends_on)
        found = access_to(user=person, slug=trial.slug)
        assert found is not None
        assert found.role.code == "monitor"


class TestAccounts:
    """SEC-02: an account serves all trials of its user."""

    def test_a_role_in_another_trial_hinders_before_it_begins_and_after_it_has_ended(
        self, trial, other, chief
    ):
        for days in ({"ends_on": BEFORE}, {"starts_on": AFTER}):
            person = build.user("monitor", trial=trial)
            build.delegate(person, trial=other, role="monitor", **days)
            assert NOT_MANAGED in refused(delegation.deactivate, user=person, reason="left", by=chief)[""][0]

    @pytest.mark.parametrize("role", ["monitor", "data_manager", "investigator"])
    def test_working_in_the_other_trial_is_not_managing_it(self, trial, other, chief, role):
        person = build.user("monitor", trial=trial)
        build.delegate(person, trial=other, role="monitor")
        build.delegate(chief, trial=other, role=role)
        assert NOT_MANAGED in refused(delegation.deactivate, user=person, reason="left", by=chief)[""][0]

    def test_an_administrator_of_both_may(self, trial, other, chief):
        person = build.user("monitor", trial=trial)
        build.delegate(person, trial=other, role="monitor")
        build.delegate(chief, trial=other, role="administrator")
        delegation.deactivate(user=person, reason="left", by=chief)
        assert not User.objects.get(pk=person.pk).is_active

    def test_one_who_administered_the_other_until_yesterday_may_not(self, trial, other, chief):
        person = build.user("monitor", trial=trial)
        build.delegate(person, trial=other, role="monitor")
        build.delegate(chief, trial=other, role="administrator", ends_on=BEFORE)
        for verb, where in (
            (delegation.deactivate, {}),
            (delegation.reactivate, {}),
            (delegation.ask_new_password, {"trial": trial}),
            (ask_recovery, {"trial": trial}),
        ):
            assert NOT_MANAGED in refused(verb, user=person, reason="left", by=chief, **where)[""][0]

    def test_the_account_of_another_person_stays_open(self, trial, chief):
        person, colleague = (build.user("monitor", trial=trial) for _each in range(2))
        browsers = [build.client(each) for each in (person, colleague)]
        delegation.deactivate(user=person, reason="left", by=chief)
        assert [browser.get(f"/trials/{trial.slug}/").status_code for browser in browsers] == [302, 200]

    def test_factors_are_removed_from_one_account_and_counted(self, trial, chief):
        person, colleague = (build.user("monitor", trial=trial) for _each in range(2))
        for each in (person, colleague):
            with acting(system="test"):
                Authenticator.objects.create(user=each, type="totp", data={})
        remove_factors(user=person, asked_by=chief, second="second", reason="lost phone")
        assert list(Authenticator.objects.values_list("user", flat=True)) == [colleague.pk]
        told = AccessEvent.objects.get(kind="factor_changed")
        assert (told.detail["person"], told.detail["count"], told.detail["by"]) == (
            person.username,
            1,
            chief.username,
        )

    def test_nobody_changes_the_own_account_or_identity(self, trial, chief):
        for verb in (delegation.deactivate, delegation.reactivate, partial(ask_recovery, trial=trial)):
            assert "your own rights" in refused(verb, user=chief, reason="x", by=chief)[""][0]
        assert "your own rights" in refused(
            delegation.verify_identity, trial=trial, user=chief, on=FIRST_DAY, by=chief
        )[""][0]  # fmt: skip

    def test_an_identity_is_verified_today_at_the_latest(self, trial, chief):
        person = build.user("monitor", trial=trial)
        assert list(refused(delegation.verify_identity, trial=trial, user=person, on=AFTER, by=chief)) == [
            "on"
        ]
        delegation.verify_identity(trial=trial, user=person, on=TODAY, by=chief)
        assert User.objects.get(pk=person.pk).identity_verified_on == TODAY


class TestVersions:
    def test_the_newest_version_of_its_day_is_in_force_in_its_own_trial(self, other):
        """DAT-09."""
        walking = amended_protocol.trial()
        newer = amended_protocol.amendment(TODAY)
        amended_protocol.next_amendment(AFTER)
        assert put_in_force(walking).protocol == newer
        assert put_in_force(other).protocol.version == "1.0"
        with time_machine.travel(datetime(2026, 3, 30, 22, 0, tzinfo=UTC), tick=False):
            assert put_in_force(walking).protocol.version == "1.2"


class TestLaboratories:
    """LAB-03."""

    @pytest.fixture
    def central(self, trial: Trial) -> Laboratory:
        return ranges.add_laboratory(trial=trial, code="central", name="Central", by=None)

    @pytest.fixture
    def night(self, trial: Trial, central: Laboratory) -> Laboratory:
        return ranges.add_laboratory(trial=trial, code="night", name="Night", by=None)

    def test_a_code_is_used_once_in_a_trial(self, trial, other, central):
        answer = refused(ranges.add_laboratory, trial=trial, code="central", name="Again", by=None)
        assert answer == {"code": ["Another laboratory of this trial has this code."]}
        elsewhere = ranges.add_laboratory(trial=other, code="central", name="Central", by=None)
        assert (elsewhere.is_default, central.is_default) == (True, True)

    def test_another_default_takes_the_place_in_its_own_trial_alone(
        self, trial, other, central, night, chief
    ):
        elsewhere = ranges.add_laboratory(trial=other, code="central", name="Central", by=None)
        ranges.change_laboratory(laboratory=night, name="Night", is_default=True, reason="x", by=chief)
        defaults = dict(Laboratory.objects.values_list("pk", "is_default"))
        assert defaults == {central.pk: False, night.pk: True, elsewhere.pk: True}

    def test_a_trial_reads_its_own_ranges_of_one_form_or_all(self, trial, other, central, night):
        given(central)
        given(night, upper=Decimal(7))
        given(central, "biochemistry.alt", unit="U/L")
        elsewhere = ranges.add_laboratory(trial=other, code="central", name="Central", by=None)
        given(elsewhere, upper=Decimal(9))
        given(central, "haematology.haemoglobin", unit="g/L", lower=Decimal(120), upper=None)

        book = ranges.book_of(trial, "biochemistry")
        assert book.default == "central"
        assert {path: len(rows) for path, rows in book.ranges.items()} == {
            "biochemistry.crp": 2, "biochemistry.alt": 1
        }  # fmt: skip
        assert {each.upper for each in book.ranges["biochemistry.crp"]} == {Decimal(5), Decimal(7)}
        assert len(ranges.book_of(trial).ranges) == 3
        (haemoglobin,) = ranges.book_of(trial).ranges["haematology.haemoglobin"]
        assert (haemoglobin.lower, haemoglobin.upper) == (Decimal(120), None)

    def test_a_range_of_the_same_kind_ends_only_the_open_one_before_it(self, central, night):
        closed = given(central, effective_from=date(2019, 1, 1), effective_to=date(2019, 12, 31))
        open_one, of_night = given(central), given(night)
        women = given(central, "biochemistry.alt", unit="U/L", sex="F")
        given(central, effective_from=date(2026, 1, 1))

        ends = dict(ReferenceRange.objects.values_list("pk", "effective_to"))
        assert ends[closed.pk] == date(2019, 12, 31)
        assert ends[open_one.pk] == date(2025, 12, 31)
        assert (ends[of_night.pk], ends[women.pk]) == (None, None)

    def test_one_entered_in_error_is_neither_ended_nor_in_the_way(self, central, chief):
        wrong = given(central)
        ranges.strike_out_range(row=wrong, reason=" Wrong sheet ", by=chief)
        given(central)
        wrong.refresh_from_db()
        assert (wrong.effective_to, wrong.in_error_reason) == (None, "Wrong sheet")
        for verb, more in (
            (ranges.end_range, {"effective_to": TODAY}),
            (ranges.correct_range, {"facts": facts()}),
            (ranges.strike_out_range, {}),
        ):
            assert "entered in error" in refused(verb, row=wrong, reason="x", by=chief, **more)[""][0]

    def test_a_range_of_one_day_and_of_one_value_is_one(self, central):
        day = given(central, effective_to=START, lower=Decimal(5))
        assert (day.effective_to, day.lower, day.upper) == (START, Decimal(5), Decimal(5))
        assert given(central, effective_from=date(2020, 1, 2)).effective_to is None

    def test_a_longer_end_may_not_reach_the_next_range(self, central, chief):
        first = given(central)
        given(central, effective_from=date(2026, 1, 1))
        answer = refused(ranges.end_range, row=first, effective_to=date(2026, 1, 1), reason="x", by=chief)
        assert list(answer) == ["effective_to"]
        done = ranges.end_range(row=first, effective_to=date(2025, 6, 30), reason="x", by=chief)
        assert done.effective_to == date(2025, 6, 30)
        assert ranges.end_range(row=first, effective_to=START, reason="x", by=chief).effective_to == START

    def test_a_correction_has_a_reason_and_meets_no_other_range(self, central, night, chief):
        row, _other = given(central), given(night)
        assert list(refused(ranges.correct_range, row=row, facts=facts(), reason=" ", by=chief)) == ["reason"]
        done = ranges.correct_range(row=row, facts=facts(upper=Decimal(6)), reason=" Misread ", by=chief)
        assert done.upper == 6
        trail = ReferenceRange.history.filter(id=row.pk).latest("history_id")
        assert trail.history_change_reason == "Misread"
        assert list(refused(ranges.strike_out_range, row=row, reason=" ", by=chief)) == ["reason"]
