"""The pages of the log of deviations: listing and its file, a patient's rows, one row and its steps."""

import csv
import io
import re

import pytest
from django.test import Client
from django.urls import reverse

from patients.models import Deviation, Patient
from tests.support import build
from tests.support.pages.infusions import errors_of, text_of
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.deviations import added, classified, struck_out

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]

TYPED = {
    "category": "medication", "occurred_on": "mar 2026", "detected_on": "12-Mar-2026",
    "description": "Given hydroxychloroquine", "action_taken": "",
}  # fmt: skip


@pytest.fixture
def patient(trial, doctor) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)


@pytest.fixture
def row(patient, nurse) -> Deviation:
    return added(patient, nurse)


@pytest.fixture
def ward(doctor) -> Client:
    """The investigator's browser, who may take every step."""
    return build.client(doctor)


def listing(trial) -> str:
    return reverse("patients:deviations", args=[trial.slug])


def page(row: Deviation, step: str = "") -> str:
    name = f"patients:deviation-{step}" if step else "patients:deviation"
    return reverse(name, args=[row.patient.trial.slug, row.patient.code, row.number])


def new(patient: Patient) -> str:
    return reverse("patients:deviation-new", args=[patient.trial.slug, patient.code])


def numbers(response) -> list[str]:
    return [str(each.object) for each in response.context["listing"].rows]


class TestListing:
    @pytest.mark.parametrize("count", [1, 3])
    def test_each_row_costs_no_query(self, patient, nurse, ward, django_assert_num_queries, count):
        for _each in range(count):
            added(patient, nurse)
        ward.get(listing(patient.trial))
        with django_assert_num_queries(5):
            shown = ward.get(listing(patient.trial))
        assert len(numbers(shown)) == count

    def test_it_shows_class_text_and_place_and_leads_to_the_row(self, row, ward):
        shown = ward.get(listing(row.patient.trial))
        text = text_of(shown)
        assert "Not classified" in text
        assert "Given hydroxychloroquine" in text
        assert f'href="{page(row)}"' in shown.content.decode()

    def test_its_filters(self, patient, nurse, doctor, ward):
        first, second, third = (
            added(patient, nurse), added(patient, nurse, category="consent"), added(patient, nurse),
        )  # fmt: skip
        classified(second, doctor, "major")
        struck_out(third, nurse)
        found = {
            query: numbers(ward.get(f"{listing(patient.trial)}?{query}"))
            for query in (
                "category=consent", "classification=major", "state=waiting", "state=in_force",
                "state=struck_out", "patient=LIE-001", "patient=LIE-002",
            )
        }  # fmt: skip
        assert found == {
            "category=consent": ["D-2"], "classification=major": ["D-2"], "state=waiting": ["D-1"],
            "state=in_force": ["D-1", "D-2"], "state=struck_out": ["D-3"],
            "patient=LIE-001": ["D-1", "D-2", "D-3"], "patient=LIE-002": [],
        }  # fmt: skip
        assert first.number == 1

    def test_the_file_has_every_column_and_no_formula(self, patient, nurse, ward):
        """SEC-15."""
        added(patient, nurse, description="=1+1")
        sent = ward.get(f"{listing(patient.trial)}?format=csv")
        (line,) = csv.DictReader(io.StringIO(sent.getvalue().decode("utf-8-sig")))
        assert (line["number"], line["category"], line["description"]) == ("D-1", "medication", "'=1+1")

    def test_a_deviation_of_another_trial_is_not_in_it(self, row, ward):
        other = build.twin()
        stranger = added(build.patient(trial=other), build.user(trial=other))
        assert numbers(ward.get(listing(row.patient.trial))) == ["D-1"]
        assert ward.get(page(stranger)).status_code == 404


class TestOfOnePatient:
    def address(self, patient: Patient) -> str:
        return reverse("patients:patient-deviations", args=[patient.trial.slug, patient.code])

    def test_the_casebook_leads_to_it(self, patient, ward):
        shown = ward.get(reverse("reports:casebook", args=[patient.trial.slug, patient.code]))
        assert f'href="{self.address(patient)}"' in shown.content.decode()

    def test_it_shows_the_patients_own_and_offers_to_enter_one(self, patient, row, nurse, ward):
        added(build.neighbour(patient), nurse, description="The neighbour's")
        shown = ward.get(self.address(patient))
        assert "Given hydroxychloroquine" in text_of(shown)
        assert "The neighbour's" not in text_of(shown)
        assert f'href="{new(patient)}"' in shown.content.decode()

    def test_a_reader_is_offered_nothing(self, patient, trial):
        reader = build.client(build.user("monitor", trial=trial))
        assert new(patient) not in reader.get(self.address(patient)).content.decode()

    @pytest.mark.parametrize("count", [1, 3])
    def test_each_row_costs_no_query(self, patient, nurse, ward, django_assert_num_queries, count):
        for _each in range(count):
            added(patient, nurse)
        ward.get(self.address(patient))
        with django_assert_num_queries(13):
            ward.get(self.address(patient))


class TestSteps:
    def test_one_is_entered_by_hand(self, patient, desk):
        sent = desk.post(new(patient), {**TYPED, "save_key": "k"})
        row = Deviation.objects.get()
        assert (sent.status_code, sent["Location"]) == (302, page(row))
        assert (row.occurred_on, row.description) == ("2026-03", "Given hydroxychloroquine")

    @pytest.mark.parametrize(
        ("field", "typed"),
        [("category", ""), ("category", "dose"), ("occurred_on", "soon"), ("detected_on", "1-Jan-2031"),
         ("description", " "), ("detected_on", "")],
    )  # fmt: skip
    def test_a_refusal_stands_at_its_field_and_keeps_what_was_typed(self, patient, desk, field, typed):
        refused = desk.post(new(patient), {**TYPED, "action_taken": "Kept <b>text</b>", field: typed})
        assert list(errors_of(refused)) == [field]
        assert "Kept &lt;b&gt;text&lt;/b&gt;" in refused.content.decode()
        assert not Deviation.objects.exists()

    @pytest.mark.parametrize(
        ("role", "expected"),
        [
            ("investigator", ["classify", "amend", "strike"]),
            ("coordinator", ["amend", "strike"]),
            ("monitor", []),
        ],
    )
    def test_the_page_offers_the_steps_of_the_role(self, row, trial, role, expected):
        shown = build.client(build.user(role, trial=trial)).get(page(row)).content.decode()
        assert [step for step in ("classify", "amend", "strike") if page(row, step) in shown] == expected

    def test_the_page_leads_to_its_history_and_to_the_others_of_the_patient(self, row, ward):
        found = re.findall(r'href="([^"]+)"', ward.get(page(row)).content.decode())
        history, others = (
            next(each for each in found if part in each) for part in ("/trail/?", "/deviations/?")
        )
        assert text_of(ward.get(history.replace("&amp;", "&"))).count("Deviation D-1") >= 1
        assert numbers(ward.get(others)) == ["D-1"]

    def test_it_is_classified(self, row, ward, doctor):
        sent = ward.post(page(row, "classify"), {"classification": "major", "version": "1"})
        row.refresh_from_db()
        assert (sent.status_code, row.classification, row.classified_by) == (302, "major", doctor)
        assert "Major" in text_of(ward.get(page(row)))

    def test_nothing_is_chosen_beforehand(self, row, ward):
        """DAT-01."""
        assert "checked" not in ward.get(page(row, "classify")).content.decode()

    def test_a_report_of_a_minor_one_is_refused_at_its_field(self, row, ward):
        typed = {"classification": "minor", "version": "1", "reported_on": "12-Mar-2026"}
        assert list(errors_of(ward.post(page(row, "classify"), typed))) == ["reported_on"]

    def test_it_is_amended(self, row, desk):
        typed = {**TYPED, "description": "Given twice", "reason": "Asked again", "version": "1"}
        assert desk.post(page(row, "amend"), typed)["Location"] == page(row)
        row.refresh_from_db()
        assert (row.description, row.occurred_on, row.version) == ("Given twice", "2026-03", 2)

    def test_it_is_struck_out_and_offers_no_step(self, row, desk):
        desk.post(page(row, "strike"), {"reason": "Another patient", "version": "1"})
        shown = desk.get(page(row))
        assert "Another patient" in text_of(shown)
        assert page(row, "amend") not in shown.content.decode()

    def test_what_changed_while_typing_is_shown_and_sending_again_applies(self, row, desk, doctor):
        """DAT-11."""
        classified(row, doctor, "major")
        typed = {**TYPED, "description": "Given twice", "reason": "Asked again", "version": "1"}
        refused = desk.post(page(row, "amend"), typed)
        assert refused.status_code == 422
        assert "changed while you typed" in text_of(refused)
        assert "Major" in text_of(refused)
        assert 'name="version" value="2"' in refused.content.decode()
        assert desk.post(page(row, "amend"), {**typed, "version": "2"}).status_code == 302

    @pytest.mark.parametrize("version", ["", "x", "0", "9" * 30])
    def test_a_forged_version_changes_nothing(self, row, desk, version):
        sent = desk.post(page(row, "strike"), {"reason": "Other", "version": version})
        row.refresh_from_db()
        assert (sent.status_code, row.struck_out) == (422, False)

    def test_the_queries_of_the_page_of_one(self, row, ward, django_assert_num_queries):
        ward.get(page(row))
        with django_assert_num_queries(13):
            ward.get(page(row))


class TestPlaces:
    """Every place leads to its own page."""

    @pytest.mark.parametrize(
        ("place", "key", "name", "shown"),
        [("visit", "D28", "patients:visit", "Visit D28"), ("infusion", "1", "dosing:infusion", "Infusion 1"),
         ("adverse_event", "1", "safety:event", "AE 1"), ("eligibility", "I2b", "patients:eligibility", "Eligibility")],
    )  # fmt: skip
    def test_a_place_with_an_address(self, patient, row, ward, as_test, place, key, name, shown):
        Deviation.objects.filter(pk=row.pk).update(place=place, place_key=key)
        arguments = [] if place == "eligibility" else [key]
        address = reverse(name, args=[patient.trial.slug, patient.code, *arguments])
        page_shown = ward.get(page(row)).content.decode()
        assert f'<a href="{address}">{shown}</a>' in page_shown

    def test_a_form(self, patient, row, ward, as_test):
        record = patient.records.get(form="demography")
        Deviation.objects.filter(pk=row.pk).update(place="record", place_key=str(record.pk))
        address = reverse("patients:form", args=[patient.trial.slug, patient.code, "SCR", "demography"])
        assert f'<a href="{address}">Form</a>' in ward.get(page(row)).content.decode()

    def test_one_found_at_a_place_keeps_its_category(self, patient, row, desk, as_test):
        Deviation.objects.filter(pk=row.pk).update(place="visit", place_key="D28", category="visit_window")
        typed = {
            **TYPED,
            "category": "consent",
            "description": "Train strike",
            "reason": "Told",
            "version": "1",
        }
        assert desk.post(page(row, "amend"), typed).status_code == 302
        row.refresh_from_db()
        assert (row.category, row.description) == ("visit_window", "Train strike")
