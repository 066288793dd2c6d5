"""Medical review outside the forms: events, infusions, consents, decisions and the end of study."""

import re

import pytest

from accounts.models import User
from audit.context import acting
from patients.casebook.facts import KINDS
from patients.models import Mark, Patient
from patients.participation.disposition import end_study
from patients.participation.logs.contacts import add_contact
from patients.review import fact_review, locks
from tests.support import build
from tests.support.pages.entry_pages import words
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(trial: Trial) -> User:
    return build.user("investigator", trial=trial, full_name="Ana Ruiz")


@pytest.fixture
def patient(trial: Trial) -> Patient:
    """Return an included patient with an event and an attempt to reach her, whose study has ended."""
    found = build.enrolled(trial=trial)
    build.event(patient=found)
    by = build.user("investigator", trial=trial)
    tried = {
        "tried_on": trial.today, "way": "phone", "tried_by": "Ana Ruiz", "outcome": "no_answer", "note": "",
    }  # fmt: skip
    with acting(user=by, role="investigator"):
        add_contact(patient=found, facts=tried, by=by)
        end_study(patient=found, on=trial.today, reason="withdrawal", note="Moved", by=by)
    return Patient.objects.get(pk=found.pk)


def address(patient: Patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/review/"


def boxes(response) -> dict[str, str]:
    found = re.findall(r'type="checkbox" name="fact" value="([^"]+)"', response.content.decode())
    return {box.partition(":")[0]: box for box in found}


class TestThePage:
    def test_every_kind_of_row_waits_with_its_content(self, patient, doctor):
        """An infusion that was not given yet has nothing to review."""
        shown = build.client(doctor).get(address(patient))
        assert set(boxes(shown)) == {"adverse_event", "consent", "contact", "eligibility", "disposition"}
        content = words(shown)
        for text in (
            "1 · Fever",
            "Version of the form",
            "Conclusion Eligible",
            "Reason for the end Withdrawal",
        ):
            assert text in content

    def test_forms_and_other_entries_are_reviewed_together(self, patient, doctor):
        browser = build.client(doctor)
        page = browser.get(address(patient))
        forms = re.findall(r'name="item" value="([^"]+)"', page.content.decode())
        done = browser.post(
            address(patient), {"item": forms, "fact": list(boxes(page).values())}, follow=True
        )
        assert f"{len(forms) + 5} entries are reviewed" in words(done)
        assert "Everything complete is reviewed" in words(done)
        marks = Mark.objects.outside_forms()
        assert {(mark.kind, mark.item, mark.by) for mark in marks} == {("review", "", doctor)}

    def test_a_visit_alone_shows_no_row_of_another(self, patient, doctor):
        visit = patient.visits.first()
        assert boxes(build.client(doctor).get(f"{address(patient)}?visit={visit.key}")) == {}

    def test_what_changed_while_it_was_read_is_refused_with_the_forms(self, patient, doctor):
        browser = build.client(doctor)
        page = browser.get(address(patient))
        forms = re.findall(r'name="item" value="([^"]+)"', page.content.decode())
        with acting(system="test"):
            patient.adverse_events.update(grade=2)
        refused = browser.post(address(patient), {"item": forms, "fact": list(boxes(page).values())})
        assert refused.status_code == 422
        assert "1 · Fever was changed while you read it" in words(refused)
        assert not Mark.objects.exists()

    def test_who_does_not_sign_has_no_boxes(self, patient, trial):
        desk = build.client(build.user("coordinator", trial=trial))
        assert boxes(desk.get(address(patient))) == {}
        assert desk.post(address(patient), {"fact": []}).status_code == 403

    def test_a_review_is_withdrawn_with_a_reason(self, patient, doctor):
        browser = build.client(doctor)
        browser.post(address(patient), {"fact": [boxes(browser.get(address(patient)))["consent"]]})
        row = f"consent:{patient.consents.get().pk}"
        browser.post(f"{address(patient)}withdraw/", {"fact": row, "reason": ""})
        assert "consent" not in boxes(browser.get(address(patient)))
        browser.post(f"{address(patient)}withdraw/", {"fact": row, "reason": "Read the wrong one"})
        assert "consent" in boxes(browser.get(address(patient)))

    def test_the_database_is_asked_equally_often_for_one_and_three(
        self, patient, doctor, django_assert_num_queries
    ):
        browser = build.client(doctor)
        browser.get(address(patient))
        with django_assert_num_queries(30):
            browser.get(address(patient))
        for term in ("Cough", "Chills"):
            build.event(patient=patient, term=term)
        with django_assert_num_queries(30):
            browser.get(address(patient))


class TestAReview:
    @pytest.mark.parametrize(
        ("target", "changes", "told"),
        [
            ("adverse_event", {"grade": 2}, ("Grade", "1", "2")),
            ("consent", {"obtained_by": "Dr Marin"}, ("Obtained by", "", "Dr Marin")),
            ("disposition", {"end_note": "Moved to Ghent"}, ("Note on the end", "Moved", "Moved to Ghent")),
            ("eligibility", {"group": "B"}, ("Group", "", "B")),
            ("contact", {"outcome": "reached"}, ("Outcome", "No answer", "Patient reached")),
        ],
    )
    def test_any_change_of_the_row_undoes_it(self, patient, doctor, target, changes, told):
        """AUD-09: the page says who changed what, and why; changed back is reviewed again."""
        browser = build.client(doctor)
        browser.post(address(patient), {"fact": list(boxes(browser.get(address(patient))).values())})
        assert boxes(browser.get(address(patient))) == {}
        (row,) = KINDS[target].of_patients({patient.pk: patient})
        before = {name: getattr(row, name) for name in changes}
        told = (told[0], *(str(dict(KINDS[target].facts(row))[next(iter(changes))][1]), told[2]))
        rows = type(row)._default_manager.filter(pk=row.pk)
        with acting(user=doctor, role="investigator", reason="Read again"):
            rows.update(**changes)
        with acting(user=doctor, role="investigator", reason="It was right"):
            rows.update(**before)
        (waiting,) = fact_review.blocks(Patient.objects.get(pk=patient.pk))
        assert (waiting.undone.who, str(waiting.undone.reason)) == ("Ana Ruiz", "Read again")
        assert waiting.undone.changes == (told,)

    def test_a_locked_patient_is_not_reviewed(self, patient, doctor, trial):
        browser = build.client(doctor)
        ticked = list(boxes(browser.get(address(patient))).values())
        manager = build.user("data_manager", trial=trial)
        with acting(user=manager, role="data_manager"):
            locks.lock(target=patient, reason="Done", by=manager)
        assert "locked" in words(browser.post(address(patient), {"fact": ticked}))
        assert not Mark.objects.exists()
