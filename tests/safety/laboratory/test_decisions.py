"""Decisions on laboratory results: signed in bulk, on what was shown, and the event of a significant one (LAB-06)."""

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import Signature
from patients.models import Patient
from safety.laboratory.candidates import CandidateStatus
from safety.laboratory.deciding import decide_results
from safety.models import AdverseEvent, LaboratoryDecision
from tests.support import build
from tests.support.build import PASSWORD
from tests.support.pages.event_forms import text_of
from tests.support.study import graded_results as results
from tests.support.study.deciding_results import decided
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
ALT, LOW, HIGH = "Alanine aminotransferase increased", "Hypokalemia", "Hyperkalemia"


@pytest.fixture
def infused(trial) -> Patient:
    """A patient with two results of grade 2 and 3, whose numbers decide alone or with a question."""
    results.limits(trial)
    patient = results.infused(trial)
    results.result(patient, "12 08:00", alt="130.0", potassium="6.4")
    return patient


def candidates(patient):
    return {each.term: each for each in results.found(patient).candidates}


def stored(term: str) -> LaboratoryDecision:
    return LaboratoryDecision.objects.get(term=term)


class TestVerb:
    def test_each_decision_is_signed_and_keeps_the_result_it_rests_on(self, infused, doctor):
        """LAB-01: the suggested and the confirmed grade are both stored."""
        known = candidates(infused)
        shown = {known[ALT].pk: 2, known[HIGH].pk: 4}
        decided(infused, list(known.values()), by=doctor, shown=shown, significance="significant")
        row = stored(HIGH)
        assert (row.value, row.unit, row.low, row.high, row.baseline) == ("6.4", "mmol/L", "3.5", "5", "")
        assert (row.ctcae, row.grade, row.confirmed_grade) == ("5.0", 3, 4)
        assert Signature.objects.filter(target_type="safety.laboratorydecision").count() == 2
        assert {each.status for each in candidates(infused).values()} == {CandidateStatus.AWAITS_EVENT}

    def test_deciding_again_invalidates_the_first_signature(self, infused, doctor):
        first = candidates(infused)[ALT]
        decided(infused, [first], by=doctor)
        decided(infused, [candidates(infused)[ALT]], by=doctor, significance="significant")
        assert LaboratoryDecision.objects.count() == 1
        old, new = Signature.objects.filter(target_type="safety.laboratorydecision").order_by("pk")
        assert (old.invalidated_at is None, new.invalidated_at) == (False, None)
        changes = stored(ALT).history.order_by("history_id").values_list("significance", flat=True)
        assert list(changes) == ["not_significant", "significant"]

    def test_a_result_that_changed_since_it_was_shown_is_refused(self, infused, doctor):
        shown = candidates(infused)
        record = infused.records.get(pk=shown[ALT].key[0])
        results.corrected(record, potassium="6.5")
        told = refused(decided, infused, list(shown.values()), by=doctor)
        assert "look at it again" in told[""][0]
        assert not LaboratoryDecision.objects.exists()

    @pytest.mark.parametrize(
        ("told", "field"),
        [
            ({"password": "wrong"}, "password"),
            ({"meaning": "none"}, "meaning"),
            ({"significance": ""}, "significance"),
            ({"shown": {}}, ""),
        ],
    )
    def test_a_refused_decision_stores_nothing(self, infused, doctor, told, field):
        assert field in refused(decided, infused, [candidates(infused)[ALT]], by=doctor, **told)
        assert not LaboratoryDecision.objects.exists()

    def test_the_grade_is_not_lower_than_that_of_the_number(self, infused, doctor):
        known = candidates(infused)[HIGH]
        told = refused(decided, infused, [known], by=doctor, shown={known.pk: 2})
        assert "cannot be lower" in told[""][0]

    def test_results_are_joined_to_an_event_of_the_same_patient_only(self, infused, doctor, trial):
        known = [candidates(infused)[ALT]]
        other = build.event(patient=build.patient(trial=trial))
        told = refused(decided, infused, known, by=doctor, significance="significant", event=other)
        assert told == {"event": ["Choose an adverse event of this patient."]}
        own = build.event(patient=infused)
        assert "event" in refused(decided, infused, known, by=doctor, event=own)
        decided(infused, known, by=doctor, significance="significant", event=own)
        assert stored(ALT).event == own
        assert candidates(infused)[ALT].status == CandidateStatus.DECIDED

    def test_nothing_is_decided_after_the_lock(self, infused, doctor):
        known = candidates(infused)[ALT]
        with acting(system="test", reason="locking"):
            infused.locked_at = infused.created_at
            infused.save(update_fields=["locked_at"])
        assert "is locked" in refused(decided, infused, [known], by=doctor)[""][0]

    def test_an_unknown_patient_list_decides_nothing(self, infused, doctor, trial):
        known = candidates(infused)[ALT]
        with acting(user=doctor, role="investigator"):
            told = refused(
                decide_results, trial=trial, patients=[], shown={known.pk: 2}, significance="significant",
                meaning="review", password=PASSWORD, by=doctor,
            )  # fmt: skip
        assert "look at it again" in told[""][0]


def page(trial, name: str = "laboratory", *arguments, **query) -> str:
    return reverse(f"safety:{name}", args=[trial.slug, *arguments], query=query or None)


class TestPages:
    def test_the_trial_lists_the_results_of_all_patients(self, web, trial, infused):
        shown = text_of(web.get(page(trial)))
        assert "ALT" in shown
        assert "130.0 U/L" in shown
        assert "130.0 &gt; 120 U/L: 3 × the upper limit" in shown
        assert "To decide" in shown

    def test_filters_keep_the_rows_that_pass(self, web, trial, infused, doctor):
        decided(infused, [candidates(infused)[ALT]], by=doctor)
        for query, terms in [
            ({"status": "to_decide"}, [HIGH]),
            ({"status": "decided"}, [ALT]),
            ({"grade": "3"}, [HIGH]),
            ({"term": ALT}, [ALT]),
            ({"worse": "yes"}, []),
            ({"patient": infused.code.lower()}, [ALT, HIGH]),
            ({"patient": "no such"}, []),
        ]:
            listing = web.get(page(trial, **query)).context["listing"]
            assert sorted(each.term for each in listing.objects) == sorted(terms), query

    def test_the_csv_has_a_line_for_each_result(self, web, trial, infused):
        lines = b"".join(web.get(page(trial, format="csv")).streaming_content).decode().splitlines()
        assert len(lines) == 3
        assert "biochemistry.potassium,6.4,mmol/L,3.5,5" in "".join(lines)

    def test_the_page_of_a_patient_names_what_cannot_be_graded(self, web, trial, infused):
        results.result(infused, "13 08:00", creatinine="90.0")
        shown = text_of(web.get(page(trial, "patient-laboratory", infused.code)))
        assert "Creatinine increased Cannot grade: no upper limit of the laboratory. 1" in shown

    def test_only_who_signs_is_offered_to_decide(self, desk, web, trial, infused):
        assert "Decide and sign" in text_of(web.get(page(trial)))
        assert "Decide and sign" not in text_of(desk.get(page(trial)))
        key = candidates(infused)[ALT].pk
        assert desk.get(page(trial, "laboratory-decide", result=key)).status_code == 403
        assert desk.post(page(trial, "laboratory-decide"), {"result": key}).status_code == 403

    def test_an_investigator_decides_on_several_at_once(self, web, trial, infused):
        known = candidates(infused)
        keys = [known[ALT].pk, known[HIGH].pk]
        shown = web.get(page(trial, "laboratory-decide", result=keys))
        assert shown.status_code == 200
        assert "Are the consequences life-threatening" in text_of(shown)
        typed = {"result": keys, "significance": "not_significant", "meaning": "review", "password": PASSWORD}
        refusal = web.post(page(trial, "laboratory-decide"), typed)
        assert refusal.status_code == 422
        assert refusal.context["form"].errors == {f"grade-{known[HIGH].pk}": ["This field is required."]}
        typed[f"grade-{known[HIGH].pk}"] = "3"
        done = web.post(page(trial, "laboratory-decide"), typed)
        assert (done.status_code, done.url) == (302, page(trial, "patient-laboratory", infused.code))
        assert LaboratoryDecision.objects.filter(significance="not_significant").count() == 2

    def test_a_wrong_password_stores_nothing(self, web, trial, infused):
        typed = {
            "result": candidates(infused)[ALT].pk, "significance": "not_significant", "meaning": "review",
            "password": "wrong",
        }  # fmt: skip
        assert web.post(page(trial, "laboratory-decide"), typed).status_code == 422
        assert not LaboratoryDecision.objects.exists()

    @pytest.mark.parametrize("key", ["1", "x.alt.0.0", "1.alt.0.00", "1.alt.0.0123456789abcdeg"])
    def test_a_key_that_no_page_sends_is_a_bad_request(self, web, trial, key):
        assert web.get(page(trial, "laboratory-decide", result=key)).status_code == 400

    def test_a_result_of_another_trial_is_not_found(self, web, trial, infused):
        other = build.trial(build.COVID_MSV)
        doctor = build.client(build.user("investigator", trial=other))
        key = candidates(infused)[ALT].pk
        assert doctor.get(page(other, "laboratory-decide", result=key)).status_code == 404
        assert (
            web.get(page(trial, "laboratory-decide", result="99999999.alt.0.0123456789abcdef")).status_code
            == 404
        )

    def test_a_result_that_changed_is_told_and_not_decided(self, web, trial, infused):
        known = candidates(infused)[ALT]
        results.corrected(infused.records.get(pk=known.key[0]), alt="131.0")
        assert "1 result changed" in text_of(web.get(page(trial, "laboratory-decide", result=known.pk)))
        typed = {
            "result": known.pk,
            "significance": "not_significant",
            "meaning": "review",
            "password": PASSWORD,
        }
        assert web.post(page(trial, "laboratory-decide"), typed).status_code == 422
        assert not LaboratoryDecision.objects.exists()


class TestEvent:
    @pytest.fixture
    def significant(self, web, trial, infused) -> LaboratoryDecision:
        typed = {
            "result": candidates(infused)[ALT].pk, "significance": "significant", "meaning": "review",
            "password": PASSWORD,
        }  # fmt: skip
        done = web.post(page(trial, "laboratory-decide"), typed)
        row = stored(ALT)
        assert done.url == page(trial, "laboratory-event", infused.code, row.pk)
        return row

    def test_the_form_is_filled_from_the_result_and_says_so(self, web, trial, infused, significant):
        shown = web.get(page(trial, "laboratory-event", infused.code, significant.pk))
        form = shown.context["form"]
        assert (form["term"].value(), form["grade"].value(), form["onset"].value()) == (
            ALT,
            "2",
            "12-Mar-2026 08:00",
        )
        assert (
            "ALT 130.0 U/L, sample 12-Mar-2026 08:00; limits of the laboratory ≤ 40 U/L"
            in form["description"].value()
        )
        assert text_of(shown).count("Taken from the laboratory result: check it.") == 4
        assert form["seriousness"].value() in (None, [])

    def test_the_event_is_noted_on_the_decision_and_its_signature_holds(
        self, web, trial, infused, significant
    ):
        address = page(trial, "laboratory-event", infused.code, significant.pk)
        initial = web.get(address).context["form"].initial
        typed = {
            **initial, "ongoing": "Y", "seriousness": ["none_of_these"], "outcome": "recovering",
            "action_taken": "none", "aesi": "none", "causality": "possible", "save_key": "one",
        }  # fmt: skip
        done = web.post(address, typed)
        event = AdverseEvent.objects.get()
        assert (done.status_code, event.term, event.grade) == (302, ALT, 2)
        assert stored(ALT).event == event
        assert not Signature.objects.filter(
            target_type="safety.laboratorydecision", invalidated_at__isnull=False
        ).exists()
        assert web.get(address).url == reverse("safety:event", args=[trial.slug, infused.code, event.number])
        assert candidates(infused)[ALT].status == CandidateStatus.DECIDED

    def test_bad_input_stores_nothing_and_keeps_what_was_typed(self, web, trial, infused, significant):
        address = page(trial, "laboratory-event", infused.code, significant.pk)
        refusal = web.post(address, {"term": "Raised ALT", "onset": "13-Mar-2027"})
        assert (refusal.status_code, AdverseEvent.objects.count()) == (422, 0)
        assert refusal.context["form"]["term"].value() == "Raised ALT"
        assert stored(ALT).event is None

    def test_only_a_significant_result_has_such_a_page(self, web, trial, infused, doctor):
        decided(infused, [candidates(infused)[ALT]], by=doctor)
        assert web.get(page(trial, "laboratory-event", infused.code, stored(ALT).pk)).status_code == 404
