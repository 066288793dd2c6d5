"""The closed report of the data monitoring board: figures of each arm, and nothing of a patient (BLD-01)."""

import pytest
from django.urls import reverse

from audit.models import AccessEvent
from dosing.allocation.slots import arm_of
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from trials.access import access_to
from trials.models import Delegation
from trials.permissions import Permission
from trials.roles import KNOWING, ROLES

pytestmark = pytest.mark.django_db
BOARD = "data_monitoring_board"


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def board(trial):
    return build.user(BOARD, trial=trial)


def address(trial) -> str:
    return reverse("reports:closed-report", args=[trial.slug])


def figures(reader, trial) -> dict[str, dict[str, int]]:
    """Return the numbers by label and title of the arm."""
    answer = build.client(reader).get(address(trial))
    assert answer.status_code == 200
    report = answer.context["report"]
    return {line.label: dict(zip(report.arms, line.numbers, strict=True)) for line in report.lines}


def test_the_figures_of_each_arm_are_those_of_its_patients(trial, board):
    doctor = build.user("investigator", trial=trial)
    patients = [build.eligible(trial=trial, investigator=doctor) for _patient in range(3)]
    screened = build.patient(trial=trial)
    ill = patients[0]
    build.event(patient=ill, by=doctor, grade=2)
    build.event(patient=ill, by=doctor, grade=3, term="Chills")
    build.event(patient=screened, by=doctor, grade=4)
    found = figures(board, trial)
    titles = [arm_of(each).title.in_language("en") for each in patients]
    assert found["Patients"] == {title: titles.count(title) for title in found["Patients"]}
    assert sum(found["Patients"].values()) == 3
    mine = titles[0]
    assert found["Adverse events"][mine] == 2
    assert found["Patients with an adverse event"][mine] == 1
    assert (found["Events of grade 2"][mine], found["Events of grade 3"][mine]) == (1, 1)
    # Who is not allocated is in no arm.
    assert sum(found["Events of grade 4"].values()) == 0


def test_the_board_reads_no_treatment_of_a_patient(trial, board):
    access = access_to(user=board, slug=trial.slug)
    assert access is not None
    assert access.blinded
    for name in ("dosing:allocation", "dosing:stock", "dosing:masked-results"):
        assert build.client(board).get(reverse(name, args=[trial.slug])).status_code == 403


def test_each_look_is_recorded_where_blinded_people_do_not_read_it(trial, board):
    """AUD-08, AUD-15."""
    figures(board, trial)
    event = AccessEvent.objects.get(kind="treatment_seen")
    assert (event.user_id, event.patient_id, event.see) == (board.pk, None, "see_treatment")
    known = reverse("reports:treatment-known", args=[trial.slug])
    statistician, monitor = build.user("statistician", trial=trial), build.user("monitor", trial=trial)
    for reader, told in ((statistician, True), (monitor, False)):
        lines = build.client(reader).get(known, {"road": "page"}).context["listing"].objects
        assert (board.full_name in {line.full_name for line in lines}) is told


@pytest.mark.parametrize(
    "role", each_engine_or_one(sorted(set(ROLES) - {BOARD, "statistician", "inspector"}))
)
def test_nobody_else_reads_it(trial, role):
    assert build.client(build.user(role, trial=trial)).get(address(trial)).status_code == 403


def test_the_board_counts_as_knowing_the_treatment():
    """BLD-01: a second person confirms it, and who was on it cannot get a blinded role."""
    assert BOARD in KNOWING
    assert Permission.SEE_TREATMENT not in ROLES[BOARD].permissions


def test_an_open_trial_is_one_arm_and_leaves_no_event():
    trial = build.trial()
    build.enrolled(trial=trial)
    board = build.user(BOARD, trial=trial)
    assert figures(board, trial)["Patients"] == {"All patients": 1}
    assert not AccessEvent.objects.filter(kind="treatment_seen").exists()
    assert Delegation.objects.filter(user=board, role=BOARD).exists()
