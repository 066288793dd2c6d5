"""Forms of several patients ticked in *To sign*, read and signed with one password; one tick for all of a patient."""

import pytest

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from patients.models import Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.entered_forms import DEMOGRAPHY
from trials.models import Trial

pytestmark = pytest.mark.django_db


def entered(trial: Trial) -> Record:
    patient = build.patient(trial=trial)
    build.consent(patient)
    return build.record(patient, "demography", DEMOGRAPHY)


@pytest.fixture
def forms(trial: Trial) -> list[Record]:
    return [entered(trial), entered(trial)]


def address(trial: Trial, forms: list[Record]) -> str:
    return f"/trials/{trial.slug}/to-sign/sign/?" + "&".join(f"row={form.pk}" for form in forms)


def sent(forms: list[Record], **more) -> dict:
    return {
        "chosen": [f"{form.pk}:{form.version}" for form in forms],
        "reviewed": [f"{form.patient.code}/SCR" for form in forms],
        "meaning": "approval",
        "password": build.PASSWORD,
        **more,
    }


def test_the_list_has_boxes_for_who_signs(web, desk, trial, forms):
    assert "Read and sign the ticked forms" in words(web.get(f"/trials/{trial.slug}/to-sign/"))
    assert "Read and sign" not in words(desk.get(f"/trials/{trial.slug}/to-sign/"))


def test_one_password_signs_the_ticked_forms_of_several_patients(web, trial, forms, doctor: User):
    page = web.get(address(trial, forms))
    assert [visit.title.split(" · ")[0] for visit in page.context["form"].visits] == [
        form.patient.code for form in forms
    ]
    assert page.content.decode().count("checked") == 2
    assert web.post(address(trial, forms), sent(forms)).status_code == 302
    assert set(Signature.objects.values_list("target_id", "signer_id")) == {(f.pk, doctor.pk) for f in forms}


def test_a_second_click_signs_nothing_twice(web, trial, forms):
    for _click in range(2):
        assert web.post(address(trial, forms), sent(forms)).status_code == 302
    assert Signature.objects.count() == 2


@pytest.mark.parametrize(
    "changed",
    [{"password": "wrong"}, {"reviewed": []}, {"chosen": []}, {"chosen": ["1:99"]}, {"meaning": ""}],
)
def test_nothing_is_signed_if_a_part_is_missing(web, trial, forms, changed):
    assert web.post(address(trial, forms), sent(forms, **changed)).status_code == 422
    assert not Signature.objects.exists()


def test_the_content_of_each_patient_is_ticked_as_reviewed(web, trial, forms):
    """SIG-04: the review of one patient's content does not stand for another's."""
    one = sent(forms, reviewed=[f"{forms[0].patient.code}/SCR"])
    refused = web.post(address(trial, forms), one)
    assert refused.status_code == 422
    assert f"{forms[1].patient.code} · " in words(refused)
    assert not Signature.objects.exists()


def test_what_is_signed_or_of_another_trial_is_left_out(web, trial, forms):
    web.post(address(trial, forms[:1]), sent(forms[:1]))
    foreign = entered(build.trial(build.COVID_MSV))
    page = web.get(address(trial, [*forms, foreign]))
    assert [each.record for visit in page.context["form"].visits for each in visit.forms] == forms[1:]
    assert "Nothing is chosen" in words(web.get(address(trial, [foreign])))


def test_the_database_is_asked_equally_often_for_one_and_three(web, trial, forms, django_assert_num_queries):
    web.get(address(trial, forms))
    third = entered(trial)
    with django_assert_num_queries(13):
        web.get(address(trial, forms[:1]))
    with django_assert_num_queries(13):
        web.get(address(trial, [*forms, third]))


class TestAWholeCasebook:
    @pytest.fixture
    def patient(self, trial) -> Patient:
        """Return a patient with complete forms at a visit and in a log."""
        found = build.eligible(trial=trial)
        row = build.record(found, "stay", {}, visit=None, draft=True)
        with acting(system="test"):
            Record.objects.filter(pk=row.pk).update(state="complete")
        return found

    def page(self, patient: Patient) -> str:
        return f"/trials/{patient.trial.slug}/patients/{patient.code}/sign/casebook/"

    def whole(self, web, patient: Patient, reviewed: list[str]) -> dict:
        shown = web.get(self.page(patient)).context
        read = {"seen": shown["form"].fingerprint, "covers": shown["covers"]}
        return {**read, "reviewed": reviewed, "meaning": "approval", "password": build.PASSWORD}

    def test_one_tick_stands_for_the_content_of_all_its_visits(self, web, patient):
        assert f"I reviewed the content of {patient.code}, all visits shown here" in words(
            web.get(self.page(patient))
        )
        sent = self.whole(web, patient, [f"patient:{patient.code}"])
        assert web.post(self.page(patient), sent).status_code == 302
        assert Signature.objects.filter(target_type="patients.patient").count() == 1

    @pytest.mark.parametrize("reviewed", [[], ["patient:"], ["patient:LIE-999"], ["SCR"]])
    def test_no_other_tick_does(self, web, patient, reviewed):
        sent = self.whole(web, patient, reviewed)
        assert web.post(self.page(patient), sent).status_code == 422
        assert not Signature.objects.filter(target_type="patients.patient").exists()
