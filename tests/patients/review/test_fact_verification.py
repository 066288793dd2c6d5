"""Source verification outside the forms: what `[monitoring]` names of events, infusions, consents and the end."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from audit.context import acting
from audit.trail import trail_of
from patients.casebook.facts import KINDS, Fact
from patients.models import Mark, Patient
from patients.participation.consents.consent_corrections import correct_consent
from patients.review import fact_marks, locks
from patients.review import fact_verification as verification
from patients.review.fact_marks import FactToMark
from protocol.document.monitoring import VERIFIABLE
from protocol.values.moments import Moment
from reports.closing import counts
from tests.support import build
from tests.support.build import moment
from tests.support.pages.entry_pages import words
from tests.support.pages.session_end import sent_after_session_end
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db
NOON = datetime(2021, 3, 1, 12, tzinfo=UTC)
PLAN = 'facts = { adverse_event = ["term", "grade", "seriousness"], consent = "all", disposition = "none" }\n'


def shipped_plan(slug: str = build.LIEGE) -> str:
    """Return the line of the shipped protocol file that plans the facts outside the forms."""
    lines = build.protocol_text(slug).splitlines(keepends=True)
    return next(line for line in lines if line.startswith("facts = {"))


@pytest.fixture
def trial(known_day) -> Trial:
    """Return the trial whose plan names events and consents."""
    return build.twin(build.LIEGE, (shipped_plan(), PLAN))


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


def waiting(patient: Patient) -> dict[tuple[str, str], FactToMark]:
    fresh = Patient.objects.get(pk=patient.pk)
    return {
        (line.fact.kind.target, line.fact.item): line
        for row in verification.blocks(fresh)
        for line in row.lines
    }


def verify(patient: Patient, by: User, *lines: FactToMark) -> int:
    seen = fact_marks.seen_in([line.value for line in lines], [])
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
        other = build.twin(build.COVID_MSV, (shipped_plan(build.COVID_MSV), ""))
        found = build.patient(trial=other)
        build.event(patient=found)
        assert verification.blocks(Patient.objects.get(pk=found.pk)) == []

    def test_serious_events_need_more_than_others(self, known_day):
        """The shipped plan: consent, eligibility and serious events in full."""
        shipped = build.trial(build.LIEGE)
        found = build.patient(trial=shipped)
        build.consent(found)
        mild = build.event(patient=found)
        aware = moment(f"{found.screened_on + timedelta(days=2):%d-%b-%Y} 12:00")
        serious = build.event(
            patient=found,
            term="Sepsis",
            seriousness=frozenset({"hospitalisation"}),
            aware=aware,
            serious_aware=aware,
        )
        by_row: dict[int, set[str]] = {}
        for row in verification.blocks(Patient.objects.get(pk=found.pk)):
            for line in row.lines:
                if line.fact.kind.target == "adverse_event":
                    by_row.setdefault(line.fact.row.pk, set()).add(line.fact.item)
        assert by_row[mild.pk] == {"term", "onset", "grade", "seriousness"}
        assert by_row[serious.pk] >= {"outcome", "action_taken", "serious_aware", "end"}

    def test_an_entry_in_error_does_not_wait(self, patient, event):
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(in_error_reason="Another person's")
        assert {target for target, _item in waiting(patient)} == {"consent"}

    def test_it_can_name_every_fact_with_a_source_and_no_other(self, patient, event):
        """CEL-18: nothing of the product is among them."""
        assert set(VERIFIABLE) == {group for kind in KINDS.values() for group in kind.plans()}
        for target in ("adverse_event", "consent"):
            row = event if target == "adverse_event" else patient.consents.get()
            assert set(VERIFIABLE[target]) <= set(KINDS[target].facts(row))


class TestAMark:
    def test_a_verified_fact_waits_no_more(self, patient, event, monitor):
        line = waiting(patient)["adverse_event", "grade"]
        assert verify(patient, monitor, line) == 1
        assert ("adverse_event", "grade") not in waiting(patient)
        mark = Mark.objects.get()
        assert (mark.target, mark.target_id, mark.item) == ("adverse_event", event.pk, "grade")
        assert (mark.by, mark.role, mark.kind) == (monitor, "monitor", "verification")

    def test_seriousness_is_compared_as_all_its_criteria(self, patient, event):
        assert waiting(patient)["adverse_event", "seriousness"].fact.compared == "none_of_these"

    def test_a_second_click_marks_nothing_twice(self, patient, event, monitor):
        line = waiting(patient)["adverse_event", "grade"]
        assert [verify(patient, monitor, line) for _click in range(2)] == [1, 0]

    @pytest.mark.parametrize(
        ("item", "changes", "back"),
        [
            ("grade", {"grade": 2}, {"grade": 1}),
            ("term", {"term": "Chills"}, {"term": "Fever"}),
            (
                "seriousness",
                {"none_of_these": False, "disability": True, "aware_at": NOON, "due_at": NOON},
                {"none_of_these": True, "disability": False, "aware_at": None, "due_at": None},
            ),
        ],
    )
    def test_a_later_change_of_the_fact_undoes_it_and_no_other(
        self, patient, event, monitor, item, changes, back
    ):
        """AUD-09: what was changed and changed back is compared again, as an item of a form is."""
        verify(patient, monitor, *waiting(patient).values())
        assert waiting(patient) == {}
        doctor = build.user("investigator", trial=patient.trial, full_name="Ana Ruiz")
        rows = type(event).objects.filter(pk=event.pk)
        with acting(user=doctor, role="investigator", reason="Read again"):
            rows.update(**changes)
        assert {name for _target, name in waiting(patient)} == {item}
        with acting(user=doctor, role="investigator", reason="It was right"):
            rows.update(**back)
        again = waiting(patient)
        assert {name for _target, name in again} == {item}

        undone = again["adverse_event", item].undone
        assert (undone.who, str(undone.reason)) == ("Ana Ruiz", "Read again")
        assert len(undone.changes) == 1
        verify(patient, monitor, *again.values())
        assert waiting(patient) == {}
        assert [mark.item for mark in Mark.objects.exclude(undone_at=None)] == [item]

    def test_a_change_of_another_column_undoes_none(self, patient, event, monitor):
        verify(patient, monitor, *waiting(patient).values())
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(version=7, outcome="recovering")
        assert waiting(patient) == {}

    def test_the_facts_that_can_be_verified_have_their_columns_in_the_trail(self):
        for kind in KINDS.values():
            declared = trail_of(kind.model).fact_marks
            items = {item for group in kind.plans() for item in VERIFIABLE[group]}
            assert (declared.target, items - set(declared.facts)) == (kind.target, set())

    def test_an_event_reported_after_the_lock_is_not_marked(self, patient, event):
        """It may change below the lock, where no mark can be undone."""
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(after_lock_reason="Learned of it later")
        assert {target for target, _item in waiting(patient)} == {"consent"}

    def test_what_changed_while_it_was_read_is_refused_with_all_else(self, patient, event, monitor):
        lines = waiting(patient)
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(term="Chills")
        with pytest.raises(ValidationError, match="changed while you read it"):
            verify(patient, monitor, *lines.values())
        assert not Mark.objects.exists()

    def test_a_fact_that_is_not_planned_or_of_another_patient_is_refused(
        self, patient, event, monitor, trial
    ):
        other = build.patient(trial=trial)
        with pytest.raises(ValidationError, match="not planned"):
            verify(other, monitor, waiting(patient)["adverse_event", "grade"])
        row = KINDS["adverse_event"].rows([event.pk])[0]
        unplanned = FactToMark(Fact(KINDS["adverse_event"], row, "outcome"), None)
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
            Mark.objects.create(**twin, kind="verification", by=monitor, role="monitor")


class TestThePages:
    def test_a_monitor_ticks_forms_and_other_entries_together(self, patient, event, monitor):
        browser = build.client(monitor)
        boxes = re.findall(r'name="fact" value="([^"]+)"', browser.get(address(patient)).content.decode())
        # One for each fact, one for each row.
        assert len(boxes) == 6 + 2
        assert browser.post(address(patient), {"fact": boxes}).status_code == 302
        assert Mark.objects.count() == 6
        assert "Nothing waits for verification" in words(browser.get(address(patient)))

    def test_one_tick_verifies_a_whole_row_as_it_was_read(self, patient, event, monitor):
        browser = build.client(monitor)
        boxes = re.findall(
            r'name="fact" value="(adverse_event:[^"]+)"', browser.get(address(patient)).content.decode()
        )
        whole = next(box for box in boxes if ":*:" in box)
        with acting(system="test"):
            type(event).objects.filter(pk=event.pk).update(grade=2)
        refused = browser.post(address(patient), {"fact": [whole]})
        assert refused.status_code == 422
        assert "changed while you read it" in words(refused)
        boxes = re.findall(r'name="fact" value="(adverse_event:[^"]+)"', refused.content.decode())
        browser.post(address(patient), {"fact": [next(box for box in boxes if ":*:" in box)]})
        assert set(Mark.objects.values_list("item", flat=True)) == {"term", "grade", "seriousness"}

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
        assert Mark.objects.valid().exists()
        browser.post(f"{page}withdraw/", {"reason": "Wrong patient"})
        assert str(Mark.objects.get().undone_detail["because"]) == "Wrong patient"
        assert ("adverse_event", "grade") in waiting(patient)

    def test_the_marks_of_a_row_are_withdrawn_together(self, patient, event, monitor):
        verify(patient, monitor, *waiting(patient).values())
        browser = build.client(monitor)
        assert "1 · Fever 3 marks" in words(browser.get(address(patient)))
        row = f"adverse_event:{event.pk}"
        browser.post(f"{address(patient)}withdraw/", {"fact": row, "reason": "Wrong patient"})
        assert {target for target, _item in waiting(patient)} == {"adverse_event"}

    def test_the_list_of_undone_marks_shows_what_changed(self, patient, event, monitor, trial):
        verify(patient, monitor, *waiting(patient).values())
        doctor = build.user("investigator", trial=trial, full_name="Ana Ruiz")
        with acting(user=doctor, role="investigator", reason="Read again"):
            type(event).objects.filter(pk=event.pk).update(grade=2)
        browser, undone = build.client(monitor), f"/trials/{trial.slug}/verification/undone/"
        shown = words(browser.get(undone))
        assert "Grade: 1 → 2" in shown
        assert "Ana Ruiz" in shown
        assert "Read again" in shown
        assert "Grade: 1 → 2" in words(browser.get(f"{undone}?form_code=fact-adverse_event"))
        assert "Grade: 1 → 2" not in words(browser.get(f"{undone}?form_code=fact-consent"))
        assert f"/facts/adverse_event/{event.pk}/grade/" in browser.get(undone).content.decode()

    def test_the_list_keeps_patients_with_entries_to_verify(self, patient, event, monitor, trial):
        build.patient(trial=trial)
        listed = (
            build.client(monitor).get(f"/trials/{trial.slug}/verification/?waits=yes").context["listing"].rows
        )
        assert [row.object.pk for row in listed] == [patient.pk]

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
        with django_assert_num_queries(20):
            browser.get(address(patient))
        for term in ("Cough", "Chills"):
            build.event(patient=patient, term=term)
        with django_assert_num_queries(20):
            browser.get(address(patient))


def test_the_reason_of_a_withdrawal_comes_back_after_the_session_ended(patient, monitor):
    """ACC-05, REL-13: and the question beside it, which nobody typed, is not refused."""
    line = waiting(patient)["consent", "given"]
    verify(patient, monitor, line)
    web, page = build.client(monitor), line.fact.address
    form = sent_after_session_end(web, page, to=f"{page}withdraw/", reason="The wrong page")
    assert form.fields["reason"] == ["The wrong page"]
    shown = web.get(page, {"kept": form.fields["kept"][0]})
    assert not shown.context["form"].is_bound
