"""The closed report of the data monitoring board: figures of each arm, and nothing of a patient (BLD-01)."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.slots import arm_of
from patients.models import Patient
from protocol.values.moments import Moment
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


def test_deaths_and_withdrawals_are_counted_by_arm_also_without_a_fatal_event(trial, board):
    """BLD-01, OUT-21: the end of the study says who died; an event is fatal by its grade or its outcome too."""
    doctor = build.user("investigator", trial=trial)
    dead, left, ill = (build.eligible(trial=trial, investigator=doctor) for _patient in range(3))
    with acting(system="test"):
        for patient, reason in ((dead, "death"), (left, "withdrawal")):
            Patient.objects.filter(pk=patient.pk).update(
                state="ended", ended_on=trial.today, end_reason=reason
            )
    assert sum(figures(board, trial)["Patients with a fatal event"].values()) == 0
    known = Moment.from_datetime(timezone.now(), trial.rules.trial.site.time_zone)
    build.event(
        patient=ill, by=doctor, term="Sepsis", grade=5, outcome="fatal", ongoing="N", aware=known,
        end=Moment.from_date(trial.today), seriousness=frozenset({"life_threatening"}),
    )  # fmt: skip
    found = figures(board, trial)
    for label, patient in (("Patients who died", dead), ("Patients who left the study early", left)):
        arm = arm_of(patient).title.in_language("en")
        assert {title: number for title, number in found[label].items() if number} == {arm: 1}
    fatal, arm = found["Patients with a fatal event"], arm_of(ill).title.in_language("en")
    assert (fatal[arm], sum(fatal.values())) == (1, 1)


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
