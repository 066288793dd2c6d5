"""Source verification outside the forms: what `[monitoring]` names of events, infusions, consents and the end."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from audit.context import acting
from audit.stored_text import system_text
from patients.casebook.facts import KINDS, Fact
from patients.models import FactMark, Patient
from patients.participation.consent_corrections import correct_consent
from patients.review import fact_verification as verification
from patients.review import locks
from protocol.document.monitoring import VERIFIABLE
from protocol.values.moments import Moment
from reports.closing import counts
from tests.support import build
from tests.support.pages.entry_pages import words
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db
PLAN = 'facts = { adverse_event = ["term", "grade", "seriousness"], consent = "all", disposition = "none" }\n'


@pytest.fixture
def trial(known_day) -> Trial:
    """Return the trial whose plan names events and consents."""
    return build.twin(build.LIEGE, ("[monitoring]\n", f"[monitoring]\n{PLAN}"))


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial, full_name="Marta Ortega")


@pytest.fixture
def patient(trial: Trial) -> Patient:
    found = build.patient(trial=trial)
    build.consent(found)
    return Patient.objects.get(pk=found.pk)


@pytest.fixture
def event(patient: Patient):
    return build.event(patient=patient)


def waiting(patient: Patient) -> dict[tuple[str, str], verification.FactToVerify]:
    fresh = Patient.objects.get(pk=patient.pk)
    return {
        (line.fact.kind.target, line.fact.item): line
        for row in verification.blocks(fresh)
        for line in row.lines
    }


def verify(patient: Patient, by: User, *lines: verification.FactToVerify) -> int:
    seen = verification.seen_in([line.value for line in lines])
    with acting(user=by, role="monitor"):
        return verification.verify_facts(patient=patient, seen=seen, by=by, role="monitor")


def address(patient: Patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/verify/"


class TestThePlan:
    def test_what_it_names_and_has_a_value_waits(self, patient, event):
        assert set(waiting(patient)) == {
            ("consent", "type"),
            ("consent", "version"),
            ("consent", "given"),
            ("adverse_event", "term"),
            ("adverse_event", "grade"),
            ("adverse_event", "seriousness"),
        }

    def test_nothing_waits_without_one(self, monitor):
        other = build.trial(build.COVID_MSV)
        found = build.patient(trial=other)
        build.event(patient=found)
        assert verification.blocks(Patient.objects.get(pk=found.pk)) == []

    def test_an_entry_in_error_does_not_wait(self, patient, event):
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(in_error_reason="Another person's")
        assert {target for target, _item in waiting(patient)} == {"consent"}

    def test_it_can_name_every_fact_with_a_source_and_no_other(self, patient, event):
        """CEL-18: nothing of the product is among them."""
        assert set(VERIFIABLE) == set(KINDS)
        for target in ("adverse_event", "consent"):
            row = event if target == "adverse_event" else patient.consents.get()
            assert set(VERIFIABLE[target]) <= set(KINDS[target].facts(row))


class TestAMark:
    def test_a_verified_fact_waits_no_more(self, patient, event, monitor):
        line = waiting(patient)["adverse_event", "grade"]
        assert verify(patient, monitor, line) == 1
        assert ("adverse_event", "grade") not in waiting(patient)
        mark = FactMark.objects.get()
        assert (mark.target_id, mark.by, mark.role, mark.compared) == (event.pk, monitor, "monitor", "1")

    def test_seriousness_is_compared_as_all_its_criteria(self, patient, event):
        assert waiting(patient)["adverse_event", "seriousness"].fact.compared == "none_of_these"

    def test_a_second_click_marks_nothing_twice(self, patient, event, monitor):
        line = waiting(patient)["adverse_event", "grade"]
        assert [verify(patient, monitor, line) for _click in range(2)] == [1, 0]

    @pytest.mark.parametrize(
        ("item", "changes"),
        [
            ("grade", {"grade": 2}),
            ("term", {"term": "Chills"}),
        ],
    )
    def test_a_later_change_of_the_fact_undoes_it_and_no_other(self, patient, event, monitor, item, changes):
        lines = waiting(patient)
        verify(patient, monitor, *lines.values())
        assert waiting(patient) == {}
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(**changes)
        again = waiting(patient)
        assert {name for _target, name in again} == {item}
        assert again["adverse_event", item].changed

        verify(patient, monitor, *again.values())
        ended = FactMark.objects.exclude(ended_at=None).get()
        assert (ended.item, ended.ended_because) == (item, system_text("mark.changed"))

    def test_what_changed_while_it_was_read_is_refused_with_all_else(self, patient, event, monitor):
        lines = waiting(patient)
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(term="Chills")
        with pytest.raises(ValidationError, match="changed while you read it"):
            verify(patient, monitor, *lines.values())
        assert not FactMark.objects.exists()

    def test_a_fact_that_is_not_planned_or_of_another_patient_is_refused(
        self, patient, event, monitor, trial
    ):
        other = build.patient(trial=trial)
        with pytest.raises(ValidationError, match="not planned"):
            verify(other, monitor, waiting(patient)["adverse_event", "grade"])
        row = KINDS["adverse_event"].rows([event.pk])[0]
        unplanned = verification.FactToVerify(Fact(KINDS["adverse_event"], row, "outcome"), False)
        with pytest.raises(ValidationError, match="not planned"):
            verify(patient, monitor, unplanned)

    def test_a_corrected_consent_is_compared_again(self, patient, monitor, nurse):
        verify(patient, monitor, *waiting(patient).values())
        consent = patient.consents.get()
        facts = {"type": consent.type, "version": consent.version, "given": Moment.from_iso(consent.given)}
        by = build.user("coordinator", trial=patient.trial)
        with acting(user=by, role="coordinator"):
            correct_consent(consent=consent, reason="Read again", by=by, obtained_by="Dr Marin", **facts)
        assert set(waiting(patient)) == {("consent", "obtained_by")}

    def test_a_locked_patient_is_not_verified(self, patient, monitor):
        line = waiting(patient)["consent", "version"]
        manager = build.user("data_manager", trial=patient.trial)
        with acting(user=manager, role="data_manager"):
            locks.lock(target=patient, reason="Done", by=manager)
        with pytest.raises(ValidationError, match="locked"):
            verify(patient, monitor, line)

    def test_the_database_keeps_one_standing_mark(self, patient, event, monitor):
        verify(patient, monitor, waiting(patient)["adverse_event", "grade"])
        twin = {"patient": patient, "target": "adverse_event", "target_id": event.pk, "item": "grade"}
        with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
            FactMark.objects.create(**twin, compared="1", by=monitor, role="monitor")


class TestThePages:
    def test_a_monitor_ticks_forms_and_other_entries_together(self, patient, event, monitor):
        browser = build.client(monitor)
        boxes = re.findall(r'name="fact" value="([^"]+)"', browser.get(address(patient)).content.decode())
        assert len(boxes) == 6
        assert browser.post(address(patient), {"fact": boxes}).status_code == 302
        assert FactMark.objects.count() == 6
        assert "Nothing waits for verification" in words(browser.get(address(patient)))

    @pytest.mark.parametrize("sent", ["x", "product:1:lot:ab", "adverse_event:x:grade:ab", "a:1:b:c:d"])
    def test_other_boxes_are_refused(self, patient, event, monitor, sent):
        assert build.client(monitor).post(address(patient), {"fact": [sent]}).status_code == 400

    def test_who_verifies_nothing_has_no_boxes(self, patient, event):
        desk = build.client(build.user("coordinator", trial=patient.trial))
        assert 'name="fact"' not in desk.get(address(patient)).content.decode()
        assert desk.post(address(patient), {"fact": []}).status_code == 403

    def test_a_mark_is_shown_and_withdrawn_with_a_reason(self, patient, event, monitor):
        verify(patient, monitor, waiting(patient)["adverse_event", "grade"])
        browser = build.client(monitor)
        page = f"/trials/{patient.trial.slug}/patients/{patient.code}/facts/adverse_event/{event.pk}/grade/"
        assert "Verified Marta Ortega" in words(browser.get(page))
        browser.post(f"{page}withdraw/", {"reason": " "})
        assert FactMark.objects.filter(ended_at=None).exists()
        browser.post(f"{page}withdraw/", {"reason": "Wrong patient"})
        assert FactMark.objects.get().ended_because == "Wrong patient"
        assert ("adverse_event", "grade") in waiting(patient)

    def test_the_list_of_patients_counts_them(self, patient, event, monitor, trial):
        listed = build.client(monitor).get(f"/trials/{trial.slug}/verification/").context["listing"].rows
        assert [row.object.facts_to_verify for row in listed] == [6]

    def test_the_checklist_counts_them_by_patient(self, patient, event, trial):
        manager = build.user("data_manager", trial=trial)
        rows = counts.TrialRows(access_to(user=manager, slug=trial.slug))
        assert counts.facts_unverified(rows) == {patient.pk: 6}

    def test_the_database_is_asked_equally_often_for_one_and_three(
        self, patient, event, monitor, django_assert_num_queries
    ):
        browser = build.client(monitor)
        browser.get(address(patient))
        with django_assert_num_queries(24):
            browser.get(address(patient))
        for term in ("Cough", "Chills"):
            build.event(patient=patient, term=term)
        with django_assert_num_queries(24):
            browser.get(address(patient))
