"""Only people on the delegation log with the task and in its days enter or sign (SIG-05)."""

import pytest
from django.core.exceptions import ValidationError

from audit import signatures
from audit.context import acting
from audit.models import Signature
from tests.support import build
from trials.access import access_to
from trials.delegated_tasks import DELEGATED, TASKS, tasks_of_role
from trials.delegations.delegation_approval import approve_delegation
from trials.permissions import Permission as P
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief(trial):
    return build.user("principal_investigator", trial=trial)


def approved(person, chief, *tasks, password=build.PASSWORD):
    with acting(user=chief, role="principal_investigator"):
        return approve_delegation(
            delegation=person.delegations.get(), tasks=tasks, password=password, by=chief
        )


def test_without_a_task_a_person_reads_and_does_not_enter(trial, nurse, chief):
    """SIG-05."""
    approved(nurse, chief, "data_entry")
    access = access_to(user=nurse, slug=trial.slug)
    assert access.may(P.ENTER_DATA)
    assert access.may(P.SEE_TRIAL)
    assert not access.may(P.SCREEN)
    answer = build.client(nurse).post(f"/trials/{trial.slug}/patients/screen/", {})
    assert answer.status_code == 403
    assert "This task is not delegated to you" in answer.content.decode()


def test_an_investigator_without_the_task_does_not_sign(trial, doctor, chief, record):
    approved(doctor, chief, "data_entry", "eligibility")
    page = f"/trials/{trial.slug}/patients/{record.patient.code}/sign/"
    assert build.client(doctor).post(page, {}).status_code == 403
    approved(doctor, chief, "signature")
    assert build.client(doctor).get(page).status_code == 200


def test_where_it_is_required_nobody_of_the_site_enters_before_the_approval(trial, nurse, chief, settings):
    """SIG-05, ICH E6(R3) 2.3: others than people of the site need none."""
    settings.DELEGATIONS_NEED_APPROVAL = True
    monitor = build.user("monitor", trial=trial)
    answer = build.client(nurse).post(f"/trials/{trial.slug}/patients/screen/", {})
    assert answer.status_code == 403
    assert "has not approved your role" in answer.content.decode()
    assert access_to(user=monitor, slug=trial.slug).may(P.VERIFY)
    assert access_to(user=chief, slug=trial.slug).may(P.SIGN)
    notices = build.client(chief).get(f"/trials/{trial.slug}/notices/").content.decode()
    assert "A role waits for your approval" in notices
    approved(nurse, chief, "screening", "data_entry")
    assert access_to(user=nurse, slug=trial.slug).may(P.SCREEN)


def test_the_approval_is_a_signature_that_falls_with_the_tasks(trial, nurse, chief):
    """SIG-02."""
    row = approved(nurse, chief, "data_entry")
    first = Signature.objects.get(target_type="trials.delegation", target_id=row.pk)
    assert signatures.verify(first) == "valid"
    approved(nurse, chief, "data_entry", "screening")
    first.refresh_from_db()
    assert signatures.verify(first) == "invalidated"
    assert Signature.objects.filter(target_id=row.pk, invalidated_at=None).count() == 1


@pytest.mark.parametrize("tasks", [(), ("signature",), ("data_entry", "nothing")])
def test_only_tasks_of_the_role_are_delegated(nurse, chief, tasks):
    with pytest.raises(ValidationError, match="Choose the tasks"):
        approved(nurse, chief, *tasks)


def test_nobody_approves_the_own_role_or_one_that_is_not_of_the_site(trial, nurse, chief):
    """ACC-02."""
    with pytest.raises(ValidationError, match="your own role"):
        approved(chief, chief, "data_entry")
    with pytest.raises(ValidationError, match="not of the site"):
        approved(build.user("monitor", trial=trial), chief, "data_entry")


def test_the_principal_investigator_approves_on_the_page_of_the_person(trial, nurse, chief):
    row = nurse.delegations.get()
    page = f"/trials/{trial.slug}/people/{nurse.pk}/role/{row.pk}/approve/"
    browser = build.client(chief)
    assert "Infusions at the bedside" in browser.get(page).content.decode()
    wrong = browser.post(page, {"tasks": ["infusion"], "password": "wrong"})
    assert wrong.status_code == 422
    row.refresh_from_db()
    assert row.approved_at is None
    shown = browser.post(page, {"tasks": ["infusion"], "password": build.PASSWORD}, follow=True)
    assert f"approved by {chief.full_name}" in shown.content.decode()


def test_every_right_to_enter_or_sign_is_opened_by_one_task_of_each_role_of_the_site():
    """SIG-05: nothing that a person of the site enters or signs is without a task."""
    for role in ROLES.values():
        tasks = tasks_of_role(role)
        assert bool(tasks) == role.delegated
        for right in role.permissions & DELEGATED if role.delegated else ():
            assert len([task for task in tasks if right in task.permissions]) == 1
    assert len(TASKS) == 9
