"""Laboratory values and their reference ranges: on entry, on read-only pages, in figures and exports (LAB-04)."""

import csv
import io
import re
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from demo.ranges import example_laboratory
from patients.casebook.casebook import Casebook
from patients.casebook.range_flags import readings_of
from patients.entry import saving
from patients.entry.controls import CONTROLS
from patients.models import Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.reference_ranges import START, address, central, given
from trials.laboratories import ranges as laboratories
from trials.laboratories.ranges import add_laboratory
from trials.models import Laboratory, ReferenceRange, Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def laboratory(trial) -> Laboratory:
    return central(trial)


def treated(trial: Trial) -> Patient:
    """Return a man of 54 with a CRP of 12 and one of 3."""
    found = build.patient(trial=trial, screened_on=date(2026, 3, 1))
    build.consent(found)
    build.record(found, "demography", {"age": "54", "sex": "M", "height": "178", "weight": "82.4"})
    build.record(found, "biochemistry", {"crp": "12.0", "alt": "30"}, draft=True)
    return found


def all_missing_but(trial: Trial, **values: Any) -> dict[str, Any]:
    """Return the answers of a complete biochemistry form, all not done but these values."""
    items = [item for item in trial.rules.form("biochemistry").items if not item.is_calculated]
    return {
        "sampled_at": "2026-03-01T09:00+01:00[Europe/Brussels]",
        **{item.name: {"missing": "ND"} for item in items if item.missing},
        **values,
    }


class TestShown:
    def test_a_form_shows_the_range_and_where_the_value_lies(self, trial, laboratory):
        """Text beside the field, not colour alone; without a range the value is never shown as normal (LAB-03)."""
        given(laboratory)
        patient = treated(trial)
        nurse = build.client(build.user("coordinator", trial=trial))
        page = nurse.get(f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/")
        body = page.content.decode()
        shown = re.findall(r'id="reference-(\w+)"[^>]*>(.*?)</p>', body, re.DOTALL)
        result = {name: " ".join(re.sub(r"<[^>]+>", " ", text).split()) for name, text in shown}
        assert result["crp"] == "Reference ≤ 5 mg/L high"
        assert result["alt"] == "No reference range"
        assert result["ast"] == ""
        assert 'aria-describedby="reference-crp result-crp"' in body

    def test_the_flag_follows_while_a_person_types(self, trial, laboratory):
        given(laboratory)
        patient = treated(trial)
        nurse = build.client(build.user("coordinator", trial=trial))
        check = f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/check/"
        typed = {"crp": "0,4", "crp-unit": "mg/dL", "alt": "20", CONTROLS.version: "1"}
        answer = nurse.post(check, typed).content.decode()
        place = re.search(r'id="reference-crp"[^>]*>(.*?)</p>', answer, re.DOTALL)
        assert place is not None
        assert place[1].strip() == "Reference ≤ 5 mg/L"
        assert "high" in nurse.post(check, {**typed, "crp": "0,51"}).content.decode()

    def test_a_reader_sees_the_range_too(self, trial, laboratory):
        given(laboratory)
        patient = treated(trial)
        monitor = build.client(build.user("monitor", trial=trial))
        page = words(monitor.get(f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/"))
        assert "12.0 mg/L high Reference ≤ 5 mg/L" in page
        assert "30 U/L No reference range" in page

    @pytest.mark.parametrize(("role", "page"), [("investigator", "sign"), ("monitor", "verify")])
    def test_who_signs_or_verifies_a_value_sees_the_range_too(self, trial, laboratory, role, page):
        given(laboratory)
        patient = build.patient(trial=trial, screened_on=date(2026, 3, 1))
        build.consent(patient)
        build.record(patient, "biochemistry", all_missing_but(trial, crp="12.0"))
        browser = build.client(build.user(role, trial=trial))
        shown = words(browser.get(f"/trials/{trial.slug}/patients/{patient.code}/{page}/"))
        assert "12.0 mg/L high Reference ≤ 5 mg/L" in shown

    def test_a_form_that_was_struck_out_shows_its_range_too(self, trial, laboratory):
        given(laboratory)
        patient, nurse = treated(trial), build.user("coordinator", trial=trial)
        with acting(user=nurse, role="coordinator"):
            record = Record.objects.get(patient=patient, form="biochemistry")
            saving.strike_out(record=record, reason="Another patient", by=nurse)
        browser = build.client(nurse)
        page = browser.get(f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/")
        assert "Entered in error: Another patient" in words(page)
        assert "12.0 mg/L high Reference ≤ 5 mg/L" in words(page)

    @pytest.mark.parametrize("ranges", [1, 3])
    def test_a_form_costs_one_statement_more_whatever_the_number_of_ranges(self, trial, laboratory, ranges):
        patient = build.enrolled(trial=trial, on=date(2026, 3, 1))
        nurse = build.client(build.user("coordinator", trial=trial))
        costs = {}
        for form in ("vitals", "biochemistry"):
            for year in range(ranges):
                if form == "biochemistry":
                    given(laboratory, effective_from=START + timedelta(days=400 * year))
            build.record(patient, form, {}, visit="INF1", draft=True)
            with CaptureQueriesContext(connection) as counted:
                nurse.get(f"/trials/{trial.slug}/patients/{patient.code}/visits/INF1/{form}/")
            costs[form] = len(counted)
        assert costs["biochemistry"] - costs["vitals"] == 1

    def test_the_ranges_of_another_trial_judge_nothing_here(self, trial, laboratory):
        other = build.trial(build.COVID_MSV)
        with acting(system="test"):
            theirs = add_laboratory(trial=other, code="central", name="Theirs", by=None)
        given(theirs, "inflammation.crp" if "inflammation" in other.rules.forms else "biochemistry.crp")
        assert laboratories.book_of(trial).ranges == {}
        stranger = build.client(build.user("data_manager", trial=other))
        row = given(laboratory)
        assert stranger.get(address(trial, "at/central/")).status_code == 404
        assert stranger.get(address(other, f"at/central/{row.pk}/")).status_code == 404
        assert stranger.post(address(other, f"at/central/{row.pk}/end/"), {}).status_code == 404

    def test_many_records_are_evaluated_in_three_statements(self, trial, laboratory):
        """For listings: no query per row."""
        given(laboratory)
        for count in (1, 3):
            for _more in range(count):
                treated(trial)
            rows = list(
                Record.objects.filter(form="biochemistry").select_related("visit", "patient", "protocol")
            )
            with CaptureQueriesContext(connection) as counted:
                found = readings_of(trial, rows)
            assert len(counted) == 3
            assert {str(readings["crp"].side) for readings in found.values()} == {"high"}
            assert {str(readings["alt"].side) for readings in found.values()} == {"no_range"}
            assert {str(readings["ast"].side) for readings in found.values()} == {""}

    def test_a_record_that_was_struck_out_says_nothing_of_sex_and_age(self, trial, laboratory):
        given(laboratory, sex="M")
        patient = treated(trial)
        opened = Casebook.open(user=build.user("monitor", trial=trial), trial=trial, code=patient.code)
        demography = next(record for record in opened.records if record.form == "demography")
        rows = Record.objects.filter(form="biochemistry").select_related("visit", "patient", "protocol")
        assert [str(each["crp"].side) for each in readings_of(trial, rows).values()] == ["high"]
        with acting(system="test"):
            from patients.entry.saving import strike_out

            strike_out(record=demography, reason="Other patient", by=build.user("coordinator", trial=trial))
        assert [str(each["crp"].side) for each in readings_of(trial, rows).values()] == ["no_range"]

    def test_the_profile_draws_the_range_in_force_at_each_value(self, trial, laboratory):
        from reports.casebook.profile import Chart
        from tests.reports.test_casebook import dossier_of

        given(laboratory, lower=Decimal(1))
        patient, day = build.enrolled(trial=trial, on=date(2026, 3, 1)), date(2026, 3, 1)
        build.record(patient, "biochemistry", {"crp": "0.4"}, draft=True)
        given(laboratory, upper=Decimal(20), effective_from=day + timedelta(days=2))
        build.record(patient, "biochemistry", {"crp": "30"}, visit="D7", draft=True)
        with acting(system="test"):
            patient.visits.filter(code="SCR").update(held_on=day, state="held")
            patient.visits.filter(code="D7").update(held_on=day + timedelta(days=7), state="held")
        (curve, *_others) = Chart(dossier_of(patient)).curves
        assert [reading.limits for reading in curve.readings] == [(1.0, 5.0), (None, 20.0)]
        assert curve.readings[0].tip.endswith(", Reference 1–5 mg/L, low")
        assert curve.last == "30 H"
        bands = [
            shape for shape in Chart(dossier_of(patient)).profile().figure.shapes if _css(shape) == "band"
        ]
        assert len(bands) == 2

    def test_the_export_shows_range_and_flag(self, trial, laboratory, manager):
        given(laboratory)
        treated(trial)
        answer = build.client(manager).post(f"/trials/{trial.slug}/exports/", {"purpose": "ranges"})
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
            text = archive.read("forms/biochemistry.csv").decode()
            dictionary = archive.read("data_dictionary.csv").decode()
        (row,) = csv.DictReader(io.StringIO(text))
        fields = {
            name: row[name] for name in row if re.fullmatch(r"(crp|alt|ast)__(ref_low|ref_high|flag)", name)
        }
        assert fields == {
            "crp__ref_low": "", "crp__ref_high": "5", "crp__flag": "high",
            "alt__ref_low": "", "alt__ref_high": "", "alt__flag": "no_range",
            "ast__ref_low": "", "ast__ref_high": "", "ast__flag": "",
        }  # fmt: skip
        assert "crp__ref_low crp__ref_high crp__flag" in dictionary

    @pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
    def test_the_demo_knows_most_items_and_says_that_it_is_an_example(self, slug):
        trial = build.trial(slug)
        with acting(system="test"):
            example_laboratory(trial)
        book, items = laboratories.book_of(trial), laboratories.items_with_ranges(trial.rules)
        assert len(book.ranges) / len(items) > 0.8
        assert all(
            "Example value" in source for source in ReferenceRange.objects.values_list("source", flat=True)
        )


def _css(shape: Any) -> str:
    return getattr(shape, "css", "")
