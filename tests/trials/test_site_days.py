"""A role begins and ends with the day at the site; pages show the time of the site, also around midnight (ACC-04)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db.models import DateTimeField, F, Value
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.models import Patient
from patients.review import locks
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study import amended_protocol
from trials.access import access_to
from trials.delegations import delegation
from trials.models import Delegation, Trial
from trials.site_day import SiteDay

pytestmark = pytest.mark.django_db

# 00:30 on 11 March in Liège (UTC+1) and 20:30 on 10 March in Port-au-Prince (UTC-4 since 8 March 2026).
MIDNIGHT = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
YESTERDAY, TODAY = date(2026, 3, 10), date(2026, 3, 11)
ELSEWHERE = "America/Port-au-Prince"


@pytest.fixture
def midnight() -> Iterator[None]:
    with time_machine.travel(MIDNIGHT, tick=False):
        yield


def elsewhere() -> Trial:
    """Return WALK at a site whose clock is behind UTC."""
    return build.version(amended_protocol.text("1.0").replace("Europe/Brussels", ELSEWHERE)).trial


def home(trial: Trial, person: User) -> int:
    return build.client(person).get(reverse("reports:home", args=[trial.slug])).status_code


def test_a_role_begins_with_the_day_at_the_site(trial: Trial, midnight: None) -> None:
    person = build.user("monitor")
    build.delegate(person, trial=trial, role="monitor", starts_on=TODAY)
    assert home(trial, person) == 200
    assert list(Trial.objects.visible_to(person)) == [trial]


def test_a_role_ends_with_the_day_at_the_site(trial: Trial, nurse: User, midnight: None) -> None:
    """ACC-04: its last day is over half an hour ago, although the UTC day is not."""
    patient, person = build.patient(trial=trial, by=nurse), build.user("monitor")
    build.delegate(person, trial=trial, role="monitor", starts_on=date(2026, 1, 1), ends_on=YESTERDAY)
    assert home(trial, person) == 404
    assert not Patient.objects.visible_to(person).exists()
    with pytest.raises(Patient.DoesNotExist):
        Casebook.open(user=person, trial=trial, code=patient.code)
    with time_machine.travel(datetime(2026, 3, 10, 22, 30, tzinfo=UTC), tick=False):
        assert home(trial, person) == 200
        assert list(Patient.objects.visible_to(person)) == [patient]
        assert Casebook.open(user=person, trial=trial, code=patient.code).patient == patient


def test_each_trial_has_the_day_of_its_own_site(trial: Trial, midnight: None) -> None:
    """The same last day is over in Liège and goes on in Port-au-Prince."""
    other, person = elsewhere(), build.user("monitor")
    for each in (trial, other):
        build.delegate(person, trial=each, role="monitor", starts_on=date(2026, 1, 1), ends_on=YESTERDAY)
    assert [access_to(user=person, slug=each.slug) is None for each in (trial, other)] == [True, False]
    assert list(Delegation.objects.active().filter(user=person).values_list("trial", flat=True)) == [other.pk]
    assert (trial.today, other.today) == (TODAY, YESTERDAY)


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Brussels", ELSEWHERE, "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12"]
)
def test_the_database_and_python_agree_on_the_day(trial: Trial, zone: str) -> None:
    """Every half hour of the days on which the clocks change in Europe, and of an ordinary one."""
    with acting(system="test"):
        Trial.objects.filter(pk=trial.pk).update(time_zone=zone)
    for on in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 12, 31)):
        for hour in range(24):
            at = datetime(on.year, on.month, on.day, hour, 30, tzinfo=UTC)
            day = SiteDay(Value(at, DateTimeField()), F("time_zone"))
            (found,) = Trial.objects.annotate(day=day).values_list("day", flat=True)
            assert found == at.astimezone(ZoneInfo(zone)).date()


def test_a_moment_with_fractions_of_a_second_has_a_day(trial: Trial) -> None:
    day = SiteDay(Value(MIDNIGHT.replace(microsecond=123456), DateTimeField()), F("time_zone"))
    assert Trial.objects.annotate(day=day).get().day == TODAY


def test_a_trial_has_the_clock_of_its_site_before_a_version_is_in_force(midnight: None) -> None:
    later = build.version(
        amended_protocol.text("1.0").replace("Europe/Brussels", ELSEWHERE), effective_from=date(2026, 6, 1)
    )
    assert later.trial.protocol is None
    assert later.trial.today == YESTERDAY


def test_an_identity_verified_after_midnight_at_the_site_was_verified_today(
    trial: Trial, administrator: User, midnight: None
) -> None:
    person = build.user("monitor", trial=trial)
    with acting(user=administrator, role="administrator"):
        delegation.verify_identity(user=person, on=TODAY, trial=trial, by=administrator)
        with pytest.raises(ValidationError, match="has not come yet"):
            delegation.verify_identity(user=person, on=TODAY, trial=elsewhere(), by=administrator)
    person.refresh_from_db()
    assert person.identity_verified_on == TODAY


def test_the_first_administrator_begins_today_at_the_site(trial: Trial, midnight: None, capsys) -> None:
    told = {"username": "paul", "full_name": "Paul", "trial": trial.slug, "role": "administrator"}
    call_command("add_person", **told)
    assert "paul is administrator" in capsys.readouterr().out
    assert Delegation.objects.get(user__username="paul").starts_on == TODAY


class TestPages:
    """A time on a page of a trial is the site's, as the foot of the page says."""

    SHOWN = "11-Mar-2026 00:30"

    def shown(self, person: User, name: str, *args: object) -> str:
        answer = build.client(person).get(reverse(name, args=args))
        assert answer.status_code == 200
        text = text_of(answer)
        assert "Times of Europe/Brussels" in text
        assert "UTC" not in text
        return text

    def test_of_a_lock(self, trial: Trial, record, manager: User, midnight: None) -> None:
        with acting(user=manager, role="data_manager"):
            locks.lock(target=record, reason="Clean", by=manager)
        assert self.SHOWN in self.shown(manager, "patients:lock", trial.slug, "record", record.pk)
        assert self.SHOWN in self.shown(manager, "patients:locks", trial.slug)

    def test_of_documents(self, trial: Trial, patient, manager: User, midnight: None) -> None:
        desk = build.client(manager)
        asked = desk.post(
            reverse("documents:listing", args=[trial.slug]), {"kind": "casebook", "patient": patient.code}
        )
        assert asked.status_code == 302
        assert self.SHOWN in self.shown(manager, "documents:listing", trial.slug)
        text = text_of(desk.get(asked["Location"]))
        assert f"Asked for by {manager.full_name}, {self.SHOWN}" in text
        # Kept for some whole days: until the same time of the clock.
        assert "-2026 00:30" in text.partition("Kept until")[2]

    def test_of_the_export_register(self, trial: Trial, manager: User, midnight: None) -> None:
        address = reverse("exports:index", args=[trial.slug])
        answer = build.client(manager).post(address, {"purpose": "Interim analysis"})
        assert b"".join(answer.streaming_content).startswith(b"PK")
        text = self.shown(manager, "exports:index", trial.slug)
        assert f"{self.SHOWN} {manager.full_name}" in text

    def test_of_the_last_sign_in(self, trial: Trial, administrator: User, midnight: None) -> None:
        person = build.user("monitor", trial=trial)
        build.client(person)
        assert f"Last sign-in {self.SHOWN}" in self.shown(
            administrator, "accounts:person", trial.slug, person.pk
        )
