"""Dose levels are opened one after the other, by a signature; inclusion waits until then (3 + 3)."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse

from audit.context import acting
from audit.models import Signature
from dosing.models import LevelOpening, LevelPatient
from dosing.products.dose_comparison import dose_box
from patients.models import Patient
from patients.participation.disposition import end_study
from protocol.checking.mistakes import problems
from tests.support import build
from tests.support.protocols.thirteen_designs import Design, follow_up, infusion
from tests.support.study.bedside import stored
from tests.support.study.dosed_patients import facts, included, infuse, loaded, prepare
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
BRUSSELS = ZoneInfo("Europe/Brussels")
DAY = date(2026, 3, 1)
DOSING = """product = "msc"
infusions = 1
route = "intravenous"
[[dosing.levels]]
code = "low"
title = { en = "10 million" }
cells = { lowest = "9e6", target = "10e6", highest = "11e6" }
patients = 2
days_between_patients = 7
days_before_next = 14
[[dosing.levels]]
code = "middle"
title = { en = "50 million" }
cells = { lowest = "45e6", target = "50e6", highest = "55e6" }
patients = 2
[[dosing.levels]]
code = "high"
title = { en = "100 million" }
cells = { lowest = "90e6", target = "100e6", highest = "110e6" }
patients = 2
"""
DESIGN = Design("ESCALATION", 12, 28, DOSING, infusion(1, "inclusion", 0) + follow_up(28), Decimal("10e6"))


@pytest.fixture
def trial():
    return loaded(DESIGN.text)


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def doctor(investigator):
    return build.client(investigator)


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 10, 0, tzinfo=BRUSSELS)


def treated(trial, day: date) -> Patient:
    """Include a patient and give the infusion on the same day."""
    patient = included(trial, day)
    infuse(patient, facts(patient, at(day)))
    return patient


def opened(doctor, trial, level: str, **changed):
    typed = {"level": level, "reason": "No toxicity", "password": build.PASSWORD, **changed}
    return doctor.post(reverse("dosing:levels", args=[trial.slug]), typed)


def errors(answer) -> str:
    assert answer.status_code == 422
    return " ".join(error for each in answer.context["form"].errors.values() for error in each)


def test_the_file_has_no_mistakes():
    assert problems(DESIGN.text) == []


def test_the_second_patient_waits_for_the_days_after_the_first(trial):
    """Seen: patient 2 got 100 million on the day on which patient 1 got 10."""
    included(trial, DAY)
    assert "has not had the first infusion" in str(refused(included, trial, DAY + timedelta(days=7)))
    first = Patient.objects.get(number=1)
    infuse(first, facts(first, at(DAY)))
    said = str(refused(included, trial, DAY + timedelta(days=6)))
    assert "P-001 had the first infusion on 01-Mar-2026: the protocol waits until 08-Mar-2026" in said
    assert included(trial, DAY + timedelta(days=7)).state == "enrolled"


def test_each_patient_is_judged_by_the_dose_of_the_own_level(trial):
    patient = treated(trial, DAY)
    assert LevelPatient.objects.get(patient=patient).level == "low"
    assert "dose_deviation_reason" in refused(prepare, patient, Decimal("100e6"))
    product = prepare(patient, Decimal("10e6"))
    assert (product.dose_finding, product.dose_basis) == ("within", "fixed")
    assert dose_box(stored(patient, 1), product.viable_cells).range == "9.00 to 11.00 ×10⁶"


class TestAFullLevel:
    @pytest.fixture(autouse=True)
    def _full(self, trial):
        treated(trial, DAY)
        treated(trial, DAY + timedelta(days=7))

    def test_holds_the_next_inclusion(self, trial):
        said = str(refused(included, trial, date(2026, 3, 29)))
        assert "Every place at dose level “10 million” is taken" in said

    def test_cannot_be_left_before_its_last_patient_was_observed(self, trial, doctor):
        """Infusion on 8 March, 14 days: from 22 March. It is 30 March."""
        with time_machine.travel(datetime(2026, 3, 21, 20, 0, tzinfo=BRUSSELS), tick=False):
            assert "the protocol waits until 22-Mar-2026" in errors(opened(doctor, trial, "middle"))
        assert not LevelOpening.objects.exists()

    def test_the_next_one_is_opened_with_a_signature(self, trial, doctor, investigator):
        assert opened(doctor, trial, "middle").status_code == 302
        row = LevelOpening.objects.get()
        assert (row.level, row.places, row.opened_by) == ("middle", 2, investigator)
        assert (
            Signature.objects.get(target_type="dosing.levelopening", target_id=row.pk).meaning == "approval"
        )
        patient = included(trial, date(2026, 3, 29))
        assert LevelPatient.objects.get(patient=patient).level == "middle"

    def test_the_same_one_can_be_opened_again_and_a_higher_one_is_not_skipped(self, trial, doctor):
        """3 + 3: three more patients at the same level."""
        assert "No level is skipped" in errors(opened(doctor, trial, "high"))
        assert opened(doctor, trial, "low").status_code == 302
        assert LevelPatient.objects.get(patient=treated(trial, date(2026, 3, 22))).level == "low"

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"password": "wrong"}, "password"),
            ({"reason": " "}, "Say on what the decision rests"),
            ({"level": "elsewhere"}, "elsewhere is not one of the available choices"),
        ],
    )
    def test_nothing_is_opened_without_reason_password_or_a_known_level(self, trial, doctor, changed, said):
        typed = {"level": "middle", **changed}
        assert said in errors(opened(doctor, trial, **typed))
        assert not LevelOpening.objects.exists()

    def test_a_coordinator_opens_nothing(self, trial):
        ward = build.client(build.user("coordinator", trial=trial))
        assert opened(ward, trial, "middle").status_code == 403
        assert "Every place" not in ward.get(reverse("dosing:levels", args=[trial.slug])).content.decode()

    def test_the_page_names_level_places_and_patients(self, trial, doctor):
        page = doctor.get(reverse("dosing:levels", args=[trial.slug])).content.decode()
        assert "2 of 2 places are taken" in page
        assert "P-002" in page


def test_while_places_are_free_none_are_opened(trial, doctor):
    treated(trial, DAY)
    assert "Places are still free" in errors(opened(doctor, trial, "middle"))


def test_a_patient_who_left_before_the_infusion_frees_the_place(trial, investigator):
    patient = included(trial, DAY)
    with acting(user=investigator, role="investigator"):
        build.confirming(
            end_study,
            patient=patient,
            reason="withdrawal",
            on=DAY + timedelta(days=1),
            note="No infusion",
            by=investigator,
        )
    treated(trial, DAY + timedelta(days=2))
    treated(trial, DAY + timedelta(days=9))
    assert "Every place" in str(refused(included, trial, date(2026, 3, 29)))


def test_the_inclusion_page_refuses_also_when_its_form_is_bypassed(trial, investigator, doctor):
    treated(trial, DAY)
    patient = build.patient(trial=trial, by=investigator, screened_on=DAY + timedelta(days=1))
    build.consent(patient, by=investigator)
    build.record(patient, "body", {"age": "50", "sex": "F", "weight": "60", "height": "160"}, by=investigator)
    build.decision(patient, by=investigator)
    answer = doctor.post(reverse("patients:enrol", args=[trial.slug, patient.code]), {"on": "02-Mar-2026"})
    assert answer.status_code == 422
    assert "the protocol waits until 08-Mar-2026" in answer.content.decode()
    assert Patient.objects.get(pk=patient.pk).state == "screening"


def test_who_may_open_a_level_finds_the_page_in_the_navigation(trial, investigator):
    """A trial without dose levels has no such link."""
    link = f'href="{reverse("dosing:levels", args=[trial.slug])}"'
    home = reverse("reports:home", args=[trial.slug])
    assert link in build.client(investigator).get(home).content.decode()
    assert link not in build.client(build.user("coordinator", trial=trial)).get(home).content.decode()
    without = build.trial()
    web = build.client(build.user("investigator", trial=without))
    assert "/dose-levels/" not in web.get(reverse("reports:home", args=[without.slug])).content.decode()
