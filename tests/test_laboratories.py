"""Laboratories and their reference ranges: kept by data managers, shown wherever a value is (LAB-03)."""

import csv
import io
import re
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from audit.trail import history_model
from patients import entry
from patients.casebook import Casebook
from patients.flags import flag_of, readings_of
from patients.models import Patient, Record
from reports.demo_ranges import example_laboratory
from tests import build
from trials import laboratories
from trials.laboratories import Facts, add_laboratory, add_range
from trials.models import Laboratory, ReferenceRange, Trial
from trials.range_files import FileRefused, import_ranges, template

pytestmark = pytest.mark.django_db

START = date(2020, 1, 1)


@pytest.fixture
def trial() -> Trial:
    return build.trial()


@pytest.fixture
def manager(trial):
    return build.user("data_manager", trial=trial)


@pytest.fixture
def laboratory(trial) -> Laboratory:
    with acting(system="test"):
        return add_laboratory(trial=trial, code="central", name="Central laboratory", by=None)


def facts(path: str = "biochemistry.crp", **told: Any) -> Facts:
    form, _dot, item = path.partition(".")
    known = {"unit": "mg/L", "upper": Decimal(5), "effective_from": START}
    return Facts(form=form, item=item, **{**known, **told})


def given(laboratory: Laboratory, path: str = "biochemistry.crp", **told: Any) -> ReferenceRange:
    with acting(system="test"):
        return add_range(laboratory=laboratory, facts=facts(path, **told), by=None)


def address(trial: Trial, end: str = "") -> str:
    return f"/trials/{trial.slug}/laboratories/{end}"


def sent(**told: Any) -> dict[str, Any]:
    known = {
        "path": "biochemistry.crp", "unit": "", "sex": "", "age_from": "", "age_to": "", "lower": "",
        "upper": "5,0", "effective_from": "01-Jan-2026", "effective_to": "", "source": "Handbook 7",
    }  # fmt: skip
    return {**known, **told}


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def treated(trial: Trial) -> Patient:
    """A man of 54 with a CRP of 12 and one of 3."""
    found = build.patient(trial=trial, screened_on=date(2026, 3, 1))
    build.consent(found)
    build.record(found, "demography", {"age": "54", "sex": "M", "height": "178", "weight": "82.4"})
    build.record(found, "biochemistry", {"crp": "12.0", "alt": "30"}, draft=True)
    return found


def all_missing_but(trial: Trial, **values: Any) -> dict[str, Any]:
    """A complete biochemistry of which nothing but these values was done."""
    items = [item for item in trial.rules.form("biochemistry").items if not item.is_calculated]
    return {
        "sampled_at": "2026-03-01T09:00+01:00[Europe/Brussels]",
        **{item.name: {"missing": "ND"} for item in items if item.missing},
        **values,
    }


class TestKeeping:
    def test_a_data_manager_adds_a_laboratory_and_a_range(self, trial, manager):
        browser = build.client(manager)
        page = browser.post(
            address(trial, "add/"), {"name": "Night laboratory", "code": "night"}, follow=True
        )
        assert "This laboratory has no reference ranges yet" in words(page)
        done = browser.post(address(trial, "at/night/add/"), sent(), follow=True)
        assert "biochemistry.crp" in words(done)
        row = ReferenceRange.objects.get()
        assert (row.upper, row.lower, row.unit, row.entered_by) == (Decimal(5), None, "mg/L", manager)
        trail = history_model(ReferenceRange).objects.get()
        assert (trail.history_user_id, trail.history_trial) == (manager.pk, trial.pk)

    def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(self, trial, manager, laboratory):
        browser = build.client(manager)
        for told, sentence in [
            ({"upper": "five"}, "“five” is not a number"),
            ({"lower": "9"}, "The upper bound must not be below the lower one."),
            ({"upper": ""}, "Give the lower bound, the upper bound, or both."),
            ({"upper": "1.1234567"}, "digits before and"),
            ({"unit": "mmol/L"}, "is not a unit of this item. Write one of: mg/L, mg/dL."),
            ({"effective_to": "31-Dec-2025"}, "The last day must not be before the first day."),
            ({"age_from": "65", "age_to": "18"}, "The ages must end above where they begin."),
            ({"path": "vitals.hr"}, "Select a valid choice"),
            ({"sex": "X"}, "Select a valid choice"),
        ]:
            page = browser.post(address(trial, "at/central/add/"), sent(**told))
            assert page.status_code == 422, told
            assert sentence in words(page), told
            assert 'value="Handbook 7"' in page.content.decode()
        assert not ReferenceRange.objects.exists()

    def test_a_new_period_ends_the_one_before(self, trial, laboratory):
        """LAB-03: effective dates; the earlier range keeps judging the earlier samples."""
        old, new = given(laboratory), given(laboratory, upper=Decimal(8), effective_from=date(2026, 7, 1))
        old.refresh_from_db()
        assert (old.effective_to, new.effective_to) == (date(2026, 6, 30), None)
        trail = history_model(ReferenceRange).objects.filter(id=old.pk).latest("history_id")
        assert trail.history_change_reason == "A new range follows"

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"sex": "M"},
            {"age_from": 10},
            {"age_to": 30},
            {"effective_from": date(2019, 1, 1)},
            {"effective_from": date(2019, 1, 1), "effective_to": START},
        ],
    )
    def test_ranges_never_overlap(self, laboratory, told):
        given(laboratory)
        with pytest.raises(ValidationError, match="It overlaps the range from 2020-01-01 to no end"):
            given(laboratory, **told)
        assert ReferenceRange.objects.count() == 1

    @pytest.mark.parametrize(
        "told",
        [
            {"path": "biochemistry.alt", "unit": "U/L"},
            {"effective_from": date(2019, 1, 1), "effective_to": date(2019, 12, 31)},
        ],
    )
    def test_ranges_beside_each_other_do_not_overlap(self, laboratory, told):
        given(laboratory)
        given(laboratory, **told)
        assert ReferenceRange.objects.count() == 2

    def test_a_woman_and_a_man_have_their_own(self, laboratory):
        given(laboratory, sex="F")
        given(laboratory, sex="M")
        with pytest.raises(ValidationError):
            given(laboratory)

    def test_another_laboratory_is_not_in_the_way(self, trial, laboratory):
        given(laboratory)
        with acting(system="test"):
            other = add_laboratory(trial=trial, code="night", name="Night", by=None)
        given(other)
        assert not other.is_default

    def test_the_database_refuses_what_no_range_can_be(self, laboratory):
        for told in [
            {"lower": Decimal(9)},
            {"upper": None},
            {"age_from": 5, "age_to": 5},
            {"effective_to": date(2019, 1, 1)},
            {"sex": "X"},
        ]:
            known = {"age_from": 0, "upper": Decimal(5), "effective_from": START, **told}
            with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
                ReferenceRange.objects.create(laboratory=laboratory, form="biochemistry", item="crp", **known)

    def test_the_same_start_twice_is_refused_by_the_database_too(self, laboratory):
        given(laboratory)
        same = {
            "form": "biochemistry",
            "item": "crp",
            "age_from": 0,
            "effective_from": START,
            "upper": Decimal(7),
        }
        with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
            ReferenceRange.objects.create(laboratory=laboratory, **same)

    def test_a_correction_needs_a_reason_and_keeps_what_stood_before(self, trial, manager, laboratory):
        row = given(laboratory)
        browser, page = build.client(manager), f"at/central/{row.pk}/"
        assert 'value="5"' in browser.get(address(trial, page)).content.decode()
        refused = browser.post(address(trial, page), sent(upper="6"))
        assert refused.status_code == 422
        done = browser.post(address(trial, page), sent(upper="6", reason="Misread"))
        assert done.status_code == 302
        row.refresh_from_db()
        assert row.upper == 6
        rows = history_model(ReferenceRange).objects.filter(id=row.pk).order_by("history_id")
        assert [(each.upper, each.history_change_reason or "") for each in rows] == [
            (Decimal(5), ""),
            (Decimal(6), "Misread"),
        ]

    def test_a_correction_may_not_overlap(self, laboratory, manager):
        given(laboratory, effective_to=date(2020, 12, 31))
        row = given(laboratory, effective_from=date(2021, 1, 1))
        with acting(user=manager), pytest.raises(ValidationError, match="overlaps"):
            laboratories.correct_range(
                row=row, facts=facts(effective_from=date(2020, 6, 1)), reason="x", by=manager
            )

    def test_a_range_ends_with_a_reason(self, trial, manager, laboratory):
        row = given(laboratory)
        browser, page = build.client(manager), f"at/central/{row.pk}/end/"
        assert browser.post(address(trial, page), {"effective_to": "31-Dec-2025"}).status_code == 422
        early = browser.post(address(trial, page), {"effective_to": "31-Dec-2019", "reason": "Moved"})
        assert "The last day must not be before the first day." in words(early)
        browser.post(address(trial, page), {"effective_to": "31-Dec-2025", "reason": "New analyser"})
        row.refresh_from_db()
        assert row.effective_to == date(2025, 12, 31)

    def test_what_was_entered_in_error_judges_nothing_and_stays_in_the_list(self, trial, manager, laboratory):
        row = given(laboratory)
        browser = build.client(manager)
        browser.post(address(trial, f"at/central/{row.pk}/strike-out/"), {"reason": "Wrong analyte"})
        assert laboratories.book_of(trial).ranges == {}
        assert "Wrong analyte" in words(browser.get(address(trial, "at/central/")))
        assert browser.get(address(trial, f"at/central/{row.pk}/")).status_code == 404
        given(laboratory)

    def test_one_laboratory_is_the_default(self, trial, manager, laboratory):
        with acting(system="test"):
            night = add_laboratory(trial=trial, code="night", name="Night", by=None)
        browser = build.client(manager)
        told = {"name": "Night laboratory", "is_default": "on", "reason": "Contract"}
        assert browser.post(address(trial, "at/night/change/"), told).status_code == 302
        assert list(Laboratory.objects.values_list("code", "is_default")) == [
            ("night", True),
            ("central", False),
        ]
        without = browser.post(address(trial, "at/night/change/"), {"name": "Night", "reason": "x"})
        assert without.status_code == 422
        night.refresh_from_db()
        assert night.is_default


class TestFiles:
    HEADER = "item,unit,sex,age_from,age_to,lower,upper,effective_from,effective_to,source\n"

    def load(self, laboratory: Laboratory, text: str | bytes) -> tuple[int, int]:
        data = text if isinstance(text, bytes) else text.encode()
        with acting(system="test"):
            return import_ranges(laboratory=laboratory, data=data, by=None)

    def refused(self, laboratory: Laboratory, text: str | bytes) -> list[tuple[int, str, str]]:
        with pytest.raises(FileRefused) as caught:
            self.load(laboratory, text)
        assert not ReferenceRange.objects.exists()
        return [(each.line, each.column, each.sentence) for each in caught.value.mistakes]

    def test_a_file_is_stored_whole(self, laboratory):
        lines = "biochemistry.crp,mg/L,,,,,5,2026-01-01,,Handbook\n"
        lines += "haematology.haemoglobin,g/dL,M,18,,13.0,17.5,2026-01-01,,\n"
        assert self.load(laboratory, self.HEADER + lines) == (2, 0)
        row = ReferenceRange.objects.get(item="haemoglobin")
        assert (row.sex, row.age_from, row.lower, row.unit) == ("M", 18, Decimal("13"), "g/dL")

    def test_a_sheet_of_a_country_with_decimal_commas_is_read(self, laboratory):
        text = (
            "\ufeffitem;unit;lower;upper;effective_from\nbiochemistry.potassium;mmol/L;3,5;5,0;01/01/2026\n"
        )
        assert self.load(laboratory, text) == (1, 0)
        assert ReferenceRange.objects.get().lower == Decimal("3.5")

    def test_the_template_with_one_line_filled_in_is_taken(self, trial, laboratory):
        blank = "".join(template(trial))
        filled = blank.replace("biochemistry.crp,mg/L,,,,,,,,", "biochemistry.crp,mg/L,,,,,5,2026-01-01,,")
        assert filled != blank
        made, left = self.load(laboratory, filled)
        assert (made, left) == (1, blank.count("\n") - 2)

    def test_one_wrong_line_and_nothing_is_stored(self, laboratory):
        """The whole file is refused, each mistake with its line and a sentence."""
        lines = (
            "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\n"
            "biochemistry.alt,U/L,X,,,7,55,2026-01-01,,\n"
            "biochemistry.nonsense,U/L,,,,7,55,2026-01-01,,\n"
            "biochemistry.ast,U/L,,,,8,forty,2026-13-01,,\n"
        )
        found = self.refused(laboratory, self.HEADER + lines)
        assert [(line, column) for line, column, _sentence in found] == [
            (3, "sex"),
            (4, "item"),
            (5, "upper"),
            (5, "effective_from"),
        ]
        assert "“forty” is not a number" in found[2][2]

    def test_a_line_that_overlaps_another_of_the_file_is_named(self, laboratory):
        lines = "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\nbiochemistry.crp,mg/L,M,,,,6,2026-01-01,,\n"
        ((line, column, sentence),) = self.refused(laboratory, self.HEADER + lines)
        assert (line, column) == (3, "effective_from")
        assert "overlaps" in sentence

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            (b"", "The first line must name the columns"),
            (b"name,low,high\n", "The first line must name the columns"),
            (b"item,lower,upper,effective_from\n", "No line of the file gives a range"),
            (b"item,lower,upper,effective_from\ncrp,1\n", "has 2 columns instead of 4"),
            (b'item,lower,upper,effective_from\n"crp,1,2,3', "cannot be read as CSV"),
            (b"item,lower,upper,effective_from\ncr\xe9,1,2,2026-01-01\n", "is not UTF-8"),
            (b"item\0lower", "This is not a text file"),
            (b"x" * 1_000_001, "larger than 1 MB"),
        ],
    )
    def test_what_is_no_such_file_says_so(self, laboratory, data, sentence):
        (mistake,) = self.refused(laboratory, data)
        assert sentence in mistake[2]

    def test_the_page_lists_the_mistakes(self, trial, manager, laboratory):
        browser = build.client(manager)
        data = (self.HEADER + "biochemistry.crp,mg/L,,,,,five,2026-01-01,,\n").encode()
        page = browser.post(address(trial, "at/central/import/"), {"file": SimpleUploadedFile("r.csv", data)})
        assert page.status_code == 422
        assert "2 upper “five” is not a number" in words(page)
        nothing = browser.post(address(trial, "at/central/import/"), {})
        assert nothing.status_code == 422
        right = (self.HEADER + "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\n").encode()
        done = browser.post(
            address(trial, "at/central/import/"), {"file": SimpleUploadedFile("r.csv", right)}, follow=True
        )
        assert "1 ranges are added; 0 lines were left blank." in words(done)

    def test_the_command_loads_a_file_or_says_what_is_wrong(self, trial, laboratory, tmp_path, capsys):
        file = tmp_path / "ranges.csv"
        file.write_text(self.HEADER + "biochemistry.crp,mg/L,,,,,five,2026-01-01,,\n", encoding="utf-8")
        where = {"trial": trial.slug, "laboratory": "central"}
        with pytest.raises(CommandError, match="nothing was stored"):
            call_command("load_ranges", file, **where)
        assert "line 2 upper: “five” is not a number" in capsys.readouterr().err
        file.write_text(self.HEADER + "biochemistry.crp,mg/L,,,,,5,2026-01-01,,\n", encoding="utf-8")
        call_command("load_ranges", file, **where)
        assert "1 ranges added" in capsys.readouterr().out
        trail = history_model(ReferenceRange).objects.get()
        assert trail.history_user_name == "system:load_ranges"
        with pytest.raises(CommandError, match=r"Known: .*central"):
            call_command("load_ranges", file, trial=trial.slug, laboratory="nowhere")


class TestShown:
    def test_a_form_shows_the_range_and_where_the_value_lies(self, trial, laboratory):
        """Words beside the field, not colour alone; a missing range says so and is never normal (LAB-03)."""
        given(laboratory)
        patient = treated(trial)
        nurse = build.client(build.user("coordinator", trial=trial))
        page = nurse.get(f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/")
        body = page.content.decode()
        shown = re.findall(r'id="reference-(\w+)"[^>]*>(.*?)</p>', body, re.DOTALL)
        told = {name: " ".join(re.sub(r"<[^>]+>", " ", text).split()) for name, text in shown}
        assert told["crp"] == "Reference ≤ 5 mg/L high"
        assert told["alt"] == "No reference range"
        assert told["ast"] == ""
        assert 'aria-describedby="reference-crp result-crp"' in body

    def test_the_flag_follows_while_a_person_types(self, trial, laboratory):
        given(laboratory)
        patient = treated(trial)
        nurse = build.client(build.user("coordinator", trial=trial))
        check = f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/check/"
        typed = {"crp": "0,4", "crp-unit": "mg/dL", "alt": "20", "_version": "1"}
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

    def test_a_form_that_was_struck_out_tells_its_range_too(self, trial, laboratory):
        given(laboratory)
        patient, nurse = treated(trial), build.user("coordinator", trial=trial)
        with acting(user=nurse, role="coordinator"):
            record = Record.objects.get(patient=patient, form="biochemistry")
            entry.strike_out(record=record, reason="Another patient", by=nurse)
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

    def test_many_records_are_judged_in_two_statements(self, trial, laboratory):
        """One function for listings: nothing is asked per row."""
        given(laboratory)
        for count in (1, 3):
            for _more in range(count):
                treated(trial)
            rows = list(
                Record.objects.filter(form="biochemistry").select_related("visit", "patient", "protocol")
            )
            with CaptureQueriesContext(connection) as counted:
                found = readings_of(trial, rows)
            assert len(counted) == 2
            assert {flag_of(readings, "crp") for readings in found.values()} == {"high"}
            assert {flag_of(readings, "alt") for readings in found.values()} == {"no_range"}
            assert {flag_of(readings, "ast") for readings in found.values()} == {""}

    def test_a_record_that_was_struck_out_says_nothing_of_sex_and_age(self, trial, laboratory):
        given(laboratory, sex="M")
        patient = treated(trial)
        opened = Casebook.opened(user=build.user("monitor", trial=trial), trial=trial, code=patient.code)
        demography = next(record for record in opened.records if record.form == "demography")
        rows = Record.objects.filter(form="biochemistry").select_related("visit", "patient", "protocol")
        assert [flag_of(each, "crp") for each in readings_of(trial, rows).values()] == ["high"]
        with acting(system="test"):
            from patients.entry import strike_out

            strike_out(record=demography, reason="Other patient", by=build.user("coordinator", trial=trial))
        assert [flag_of(each, "crp") for each in readings_of(trial, rows).values()] == ["no_range"]

    def test_the_profile_draws_the_range_in_force_at_each_value(self, trial, laboratory):
        from reports.profile import Chart
        from tests.test_casebook import dossier_of

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

    def test_the_export_tells_range_and_flag(self, trial, laboratory, manager):
        given(laboratory)
        treated(trial)
        answer = build.client(manager).post(f"/trials/{trial.slug}/exports/", {"purpose": "ranges"})
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
            text = archive.read("forms/biochemistry.csv").decode()
            dictionary = archive.read("data_dictionary.csv").decode()
        (row,) = csv.DictReader(io.StringIO(text))
        told = {
            name: row[name] for name in row if re.fullmatch(r"(crp|alt|ast)__(ref_low|ref_high|flag)", name)
        }
        assert told == {
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


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_ranges_costs_the_same_whatever_its_length(
    trial, manager, laboratory, number, django_assert_num_queries
):
    """Listings cost what the page shows (STYLE, habit 9)."""
    for year in range(number):
        given(laboratory, effective_from=START + timedelta(days=400 * year))
    browser = build.client(manager)
    with django_assert_num_queries(6):
        page = browser.get(address(trial, "at/central/"))
    assert page.content.decode().count("biochemistry.crp</") == number
    with django_assert_num_queries(4):
        browser.get(address(trial))


def _css(shape: Any) -> str:
    return getattr(shape, "css", "")
