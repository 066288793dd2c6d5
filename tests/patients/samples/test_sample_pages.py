"""Pages of samples: entered by the site, read by everyone, refused beside the field with the form bypassed."""

import csv
import io

import pypdf
import pytest
from django.urls import reverse

from audit.context import acting
from patients.models import Aliquot, Patient, Sample, SampleMovement, Shipment
from patients.samples.identifiers import ALPHABET
from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.samples import clock, collected, handled, held, shipped

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]


@pytest.fixture
def ward(nurse):
    return build.client(nurse)


def page(patient, name, *more) -> str:
    return reverse(f"patients:{name}", args=[patient.trial.slug, patient.code, *more])


def of_trial(trial, name, *more) -> str:
    return reverse(f"patients:{name}", args=[trial.slug, *more])


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def typed(moment) -> str:
    return moment.display("en")


class TestCollecting:
    def answers(self, visit, **changed):
        when = typed(clock(visit.patient, visit.held_on))
        given = {"place": "D7/CYTOKINE", "collected": when, "collected_by": "Nurse", "aliquots": "3"}
        return {**given, **changed}

    def test_a_nurse_records_a_sample_from_its_link(self, patient, day_7, ward):
        opened = ward.get(page(patient, "sample-new") + "?place=D7/CYTOKINE")
        assert '<option value="D7/CYTOKINE" selected>' in opened.content.decode()
        answer = ward.post(page(patient, "sample-new"), self.answers(day_7))
        assert answer.url == page(patient, "sample", 1)
        assert Aliquot.objects.count() == 3
        assert "Cytokines: plasma" in text_of(ward.get(answer.url))

    def test_the_form_opens_empty(self, patient, day_7, ward):
        """DAT-01: no default, not even the planned number of tubes."""
        fields = ward.get(page(patient, "sample-new")).context["form"].fields
        initial = {name: field.initial for name, field in fields.items() if name != "save_key"}
        assert set(initial.values()) == {None}

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"place": "D21/CYTOKINE"}, "place"),
            ({"place": ""}, "place"),
            ({"aliquots": "0"}, "aliquots"),
            ({"aliquots": "three"}, "aliquots"),
            ({"collected": "12-Mar-2045 10:00"}, "collected"),
            ({"collected": "01-Jan-2020 10:00"}, "collected"),
            ({"collected": "2026-13-45"}, "collected"),
            ({"collected_by": " "}, "collected_by"),
        ],
    )
    def test_what_cannot_be_is_refused_beside_its_field(self, patient, day_7, ward, changed, field):
        answer = ward.post(page(patient, "sample-new"), self.answers(day_7, **changed))
        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == {field}
        assert not Sample.objects.exists()

    def test_after_a_withdrawal_the_refusal_stands_beside_the_time(self, patient, day_7, ward):
        """PRV-03, with the form bypassed: the page was open when consent was withdrawn."""
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(samples_withdrawn_on=patient.screened_on)
        answer = ward.post(page(patient, "sample-new"), self.answers(day_7))
        assert answer.status_code == 422
        assert not Sample.objects.exists()

    def test_a_day_outside_the_window_is_asked_and_confirmed(self, patient, day_7, ward):
        late = typed(clock(patient, day_7.window_to.replace(day=day_7.window_to.day + 2)))
        asked = ward.post(page(patient, "sample-new"), self.answers(day_7, collected=late))
        assert asked.status_code == 422
        assert "outside the window of D7" in text_of(asked)
        form = asked.context["form"]
        confirmed = {**self.answers(day_7, collected=late), form.box: form.token}
        assert ward.post(page(patient, "sample-new"), confirmed).status_code == 302

    def test_one_that_was_not_collected_says_why(self, patient, day_7, ward):
        given = {"place": "D7/CYTOKINE", "reason": ""}
        assert ward.post(page(patient, "sample-not-collected"), given).status_code == 422
        assert not Sample.objects.exists()
        ward.post(page(patient, "sample-not-collected"), {**given, "reason": "The tube broke"})
        assert "The tube broke" in text_of(ward.get(page(patient, "patient-samples")))


class TestSteps:
    def given(self, sample, minutes=60, **changed):
        at = typed(clock(sample.patient, sample.visit.held_on, f"1{minutes // 60}:{minutes % 60:02d}"))
        codes = list(sample.aliquots.values_list("code", flat=True))
        given = {
            "kind": "frozen",
            "aliquots": codes,
            "moment": at,
            "done_by": "Nurse",
            "place": "",
            "reason": "",
        }
        return {**given, **changed}

    def test_a_step_is_recorded_and_stands_in_the_ledger(self, patient, sample, ward):
        answer = ward.post(page(patient, "sample-handle", 1), self.given(sample))
        assert answer.url == page(patient, "sample", 1)
        assert text_of(ward.get(answer.url)).count("Frozen") >= 6

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"kind": "shipped"}, "kind"),
            ({"kind": "moved", "place": "Freezer"}, "aliquots"),
            ({"kind": "stored"}, "place"),
            ({"kind": "destroyed"}, "reason"),
            ({"aliquots": []}, "aliquots"),
            ({"aliquots": ["T1P0001S01A01K"]}, "aliquots"),
            ({"moment": "12-Mar-2045 10:00"}, "moment"),
            ({"moment": "01-Jan-2020 10:00"}, "moment"),
        ],
    )
    def test_an_impossible_step_is_refused_beside_its_field(self, patient, sample, ward, changed, field):
        """The sentence names the tube; nothing is stored."""
        answer = ward.post(page(patient, "sample-handle", 1), self.given(sample, **changed))
        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == {field}
        assert SampleMovement.objects.count() == 3

    def test_a_wrong_step_is_reversed_with_a_reason(self, patient, sample, nurse, ward):
        handled(sample, nurse, "frozen", 60, 1)
        wrong = SampleMovement.objects.get(kind="frozen")
        address = page(patient, "sample-reverse", 1, wrong.pk)
        assert address in text_of(ward.get(page(patient, "sample", 1)))
        assert ward.post(address, {"reason": ""}).status_code == 422
        ward.post(address, {"reason": "Another tube"})
        assert sample.aliquots.get(number=1).state == "collected"
        assert address not in text_of(ward.get(page(patient, "sample", 1)))

    def test_a_collection_is_corrected_and_struck_out(self, patient, sample, ward):
        given = {"collected": typed(clock(patient, sample.visit.held_on, "09:30")), "collected_by": "Nurse"}
        reason = {"change_reason": "The clock was wrong", "version": "1", "note": ""}
        assert ward.post(page(patient, "sample-correct", 1), {**given, "version": "1"}).status_code == 422
        assert ward.post(page(patient, "sample-correct", 1), {**given, **reason}).status_code == 302
        assert ward.post(page(patient, "sample-strike", 1), {**reason, "version": "2"}).status_code == 302
        assert Sample.objects.get().struck_out
        assert ward.get(page(patient, "sample-labels", 1)).status_code == 404


class TestReading:
    def test_the_samples_of_a_patient_stand_by_visit_expected_against_received(
        self, patient, sample, nurse, ward
    ):
        """expected, collected and received in numbers of tubes."""
        handled(sample, nurse, "used", 30, 1)
        lines = [line for line, *_words in ward.get(page(patient, "patient-samples")).context["lines"]]
        rows = {
            f"{each.visit.code} {each.plan.code}": (each.status, len(each.aliquots), each.received)
            for each in lines
        }
        assert rows["D7 CYTOKINE"] == ("collected", 3, 1)
        assert rows["D7 SUBSET"] == ("overdue", 0, 0)

    def test_labels_are_a_pdf_that_names_no_person(self, patient, sample, ward):
        answer = ward.get(page(patient, "sample-labels", 1))
        assert answer["Content-Type"] == "application/pdf"
        text = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
        assert text.count(patient.code) == 3
        assert all(tube.code in text for tube in sample.aliquots.all())
        assert "PLASMA 0.5 mL" in text

    def test_a_scanned_tube_opens_its_sample_and_a_misread_one_says_so(self, trial, patient, sample, ward):
        code = sample.aliquots.get(number=2).code
        for scanned in (code, code.lower(), sample.code):
            assert ward.get(of_trial(trial, "sample-scan"), {"code": scanned}).url == page(
                patient, "sample", 1
            )
        wrong = code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % 37]
        for scanned, told in ((wrong, "check character is wrong"), ("LIE-001", "is no code of a sample")):
            answer = ward.get(of_trial(trial, "sample-scan"), {"code": scanned})
            assert answer.status_code == 422
            assert told in text_of(answer)

    def test_a_tube_of_another_trial_is_not_found(self, trial, sample):
        other = build.trial(build.COVID_MSV)
        stranger = build.client(build.user("coordinator", trial=other))
        answer = stranger.get(of_trial(other, "sample-scan"), {"code": sample.code})
        assert (answer.status_code, "this trial has no such sample" in text_of(answer)) == (422, True)
        assert sample.patient.code not in text_of(answer)

    def test_the_listing_filters_and_gives_the_same_as_csv(self, trial, patient, sample, nurse, ward):
        handled(sample, nurse, "frozen", 60, 1, 2)
        collected(held(build.neighbour(patient), "D7", nurse), nurse, "SUBSET", aliquots=1)
        listed = of_trial(trial, "samples")
        for filters, count in (
            ({}, 4), ({"state": "frozen"}, 2), ({"plan": "SUBSET"}, 1), ({"patient": patient.code}, 3),
            ({"visit": "D14"}, 0), ({"destroy": "yes"}, 0),
        ):  # fmt: skip
            answer = ward.get(listed, {**filters, "format": "csv"})
            lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
            assert len(lines) == count, filters
        assert ward.get(listed, {"state": "frozen"}).context["listing"].total == 2

    def test_overdue_samples_of_held_visits_stand_on_the_listing(self, trial, patient, sample, ward):
        (line,) = ward.get(of_trial(trial, "samples")).context["overdue"]
        assert (line[0].code, line[0].overdue) == ("D7", 1)

    @pytest.mark.parametrize("patients", [1, 3])
    def test_more_samples_cost_no_more_queries(
        self, trial, patient, sample, nurse, ward, patients, django_assert_max_num_queries
    ):
        for _each in range(patients - 1):
            collected(held(build.neighbour(patient), "D7", nurse), nurse)
        with django_assert_max_num_queries(15):
            ward.get(of_trial(trial, "samples"))
        with django_assert_max_num_queries(26):
            ward.get(page(patient, "patient-samples"))
        with django_assert_max_num_queries(26):
            ward.get(page(patient, "sample", 1))

    def test_monitor_and_inspector_read_and_enter_nothing(self, trial, patient, sample):
        for role in ("monitor", "inspector"):
            reader = build.client(build.user(role, trial=trial))
            shown = text_of(reader.get(page(patient, "sample", 1)))
            assert sample.code in shown
            assert "Record a step" not in shown
            assert reader.get(page(patient, "sample-handle", 1)).status_code == 403
            assert reader.post(page(patient, "sample-new"), {}).status_code == 403

    def test_the_visit_leads_to_its_samples(self, patient, day_7, ward):
        shown = text_of(ward.get(page(patient, "visit", "D7")))
        assert page(patient, "patient-samples") in shown
        assert "Lymphocyte subsets: blood" in shown


class TestShipments:
    def given(self, tubes, when, **changed):
        given = {
            "aliquots": "\n".join(tube.code for tube in tubes), "sent": typed(when), "destination": "Central",
            "carrier": "Courier", "consignment": "", "packing": "dry_ice", "logger": "L-7", "sent_by": "Nurse",
        }  # fmt: skip
        return {**given, **changed}

    def test_scanned_tubes_are_sent_and_received(self, trial, patient, sample, ward):
        tubes = list(sample.aliquots.order_by("number"))
        when = clock(patient, sample.visit.held_on, "15:00")
        sent = ward.post(of_trial(trial, "shipment-new"), self.given(tubes, when))
        assert sent.url == of_trial(trial, "shipment", 1)
        arrived = {
            "received": typed(clock(patient, sample.visit.held_on, "18:00")), "received_by": "Laboratory",
            "version": "1", tubes[1].code: "thawed",
        }  # fmt: skip
        refused = ward.post(of_trial(trial, "shipment-receive", 1), arrived)
        assert refused.status_code == 422
        assert set(refused.context["form"].errors) == {tubes[0].code, tubes[2].code}
        ward.post(of_trial(trial, "shipment-receive", 1), {**arrived, "rest_intact": "on"})
        assert [tube.state for tube in sample.aliquots.all()] == ["received"] * 3
        shown = text_of(ward.get(of_trial(trial, "shipment", 1)))
        assert "Thawed" in shown
        assert "3 sent, 0 on their way" in shown

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"aliquots": ""}, "aliquots"),
            ({"aliquots": "T1P0001S01A01K"}, "aliquots"),
            ({"packing": "balloon"}, "packing"),
            ({"sent": "12-Mar-2045 10:00"}, "sent"),
            ({"sent": "01-Jan-2020 10:00"}, "sent"),
            ({"carrier": ""}, "carrier"),
        ],
    )
    def test_what_cannot_be_sent_is_refused_beside_its_field(
        self, trial, patient, sample, ward, changed, field
    ):
        tubes = list(sample.aliquots.all())
        when = clock(patient, sample.visit.held_on, "15:00")
        answer = ward.post(of_trial(trial, "shipment-new"), self.given(tubes, when, **changed))
        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == {field}
        assert not Shipment.objects.exists()

    def test_a_misread_code_is_named(self, trial, patient, sample, ward):
        code = sample.aliquots.first().code
        wrong = code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % 37]
        when = clock(patient, sample.visit.held_on, "15:00")
        for text, told in ((wrong, "check character"), (sample.code, "names a sample")):
            answer = ward.post(of_trial(trial, "shipment-new"), self.given([], when, aliquots=text))
            assert told in str(answer.context["form"].errors["aliquots"])

    def test_the_list_of_shipments_and_their_correction(self, trial, patient, sample, nurse, ward):
        when = clock(patient, sample.visit.held_on, "15:00")
        shipped(trial, list(sample.aliquots.all()), nurse, when)
        (row,) = ward.get(of_trial(trial, "shipments"), {"state": "sent"}).context["listing"].objects
        assert row.tubes == 3
        assert ward.get(of_trial(trial, "shipments"), {"state": "received"}).context["listing"].total == 0
        facts = {**self.given([], when), "logger": "L-8", "change_reason": "Typo", "version": "1"}
        assert ward.post(of_trial(trial, "shipment-correct", 1), facts).status_code == 302
        assert Shipment.objects.get().logger == "L-8"
