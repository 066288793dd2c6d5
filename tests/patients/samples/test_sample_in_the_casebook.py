"""Samples in the casebook as PDF, under its signature, asked about, verified, and found by the search."""

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import Meaning, Signature
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.casebook.facts import KINDS, Fact, fact_address
from patients.models import Mark, Query, Sample
from patients.queries import threads
from patients.review.signatures import in_force, sign_casebook
from patients.samples.collection import record_not_collected
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.samples import handled

pytestmark = pytest.mark.django_db


def signed(patient, doctor) -> Signature:
    with acting(user=doctor, role="investigator"):
        sign_casebook(
            patient=patient,
            seen={row.pk: row.version for row in in_force(patient)},
            meaning=Meaning.APPROVAL,
            password=build.PASSWORD,
            by=doctor,
        )
    return Signature.objects.get(target_type="patients.patient")


class TestTheCasebook:
    def test_prints_the_sample_with_every_step_of_its_tubes(self, patient, sample, nurse):
        """P11-02."""
        handled(sample, nurse, "stored", 60, 1)
        (part,) = PatientPaper(patient, Audience.nobody(patient.trial)).content()["samples"]
        assert sample.code in part["title"]
        assert {label: text for label, text, _past in part["facts"]}["Collected by"] == "Nurse"
        stored = [step for step in part["steps"] if step[1] == "Stored"]
        assert [step[4] for step in stored] == ["Freezer 2, rack A"]
        assert all(len(step) == len(part["heads"]) for step in part["steps"])

    def test_its_signature_covers_the_collection_and_not_the_steps_of_tubes(
        self, patient, sample, nurse, doctor
    ):
        """SIG-02: a tube is moved on after the signature; a corrected collection ends it."""
        signature = signed(patient, doctor)
        assert [row["code"] for row in patient.signed_content()["samples"]] == [sample.code]
        handled(sample, nurse, "stored", 60, 1)
        signature.refresh_from_db()
        assert signature.invalidated_at is None
        with acting(user=nurse, role="coordinator", reason="Typo"):
            Sample.objects.filter(pk=sample.pk).update(collected_by="Another nurse")
        signature.refresh_from_db()
        assert signature.invalidated_at is not None

    def test_the_page_that_signs_it_shows_the_sample(self, patient, sample, doctor):
        page = reverse("patients:sign-casebook", args=[patient.trial.slug, patient.code])
        assert sample.code in words(build.client(doctor).get(page))


class TestQueries:
    def test_a_monitor_asks_beside_the_fact(self, patient, sample):
        """AUD-09."""
        monitor = build.user("monitor", trial=patient.trial)
        client = build.client(monitor)
        page = reverse("patients:sample", args=[patient.trial.slug, patient.code, sample.number])
        url = fact_address(patient, "sample", sample.pk, "collected_by")
        assert url in client.get(page).content.decode()
        assert client.post(url, {"text": "Who is it?"}).status_code == 302
        query = Query.objects.get()
        assert (query.target, query.target_id, query.item) == ("sample", sample.pk, "collected_by")
        assert "Who is it?" in words(client.get(reverse("patients:queries", args=[patient.trial.slug])))

    def test_a_change_undoes_the_mark_of_its_fact(self, patient, sample, nurse):
        """AUD-09."""
        monitor = build.user("monitor", trial=patient.trial)
        with acting(user=monitor, role="monitor"):
            place = {"patient": patient, "target": "sample", "target_id": sample.pk, "kind": "verification"}
            for item in ("collected_by", "note"):
                Mark.objects.create(**place, item=item, by=monitor, role="monitor")
        with acting(user=nurse, role="coordinator"):
            Sample.objects.filter(pk=sample.pk).update(collected_by="Another nurse")
        assert list(Mark.objects.valid().values_list("item", flat=True)) == ["note"]

    def test_one_that_was_struck_out_gets_none(self, sample, nurse):
        with acting(user=nurse, role="coordinator"):
            Sample.objects.filter(pk=sample.pk).update(struck_out_reason="Another patient")
        (row,) = KINDS["sample"].rows([sample.pk])
        with pytest.raises(Exception, match="struck out"):
            threads.raise_fact_query(
                fact=Fact(KINDS["sample"], row, "note"), text="?", origin="monitor", by=nurse, role="monitor"
            )


class TestTheSearch:
    def found(self, patient, nurse, text: str) -> str:
        page = reverse("reports:search", args=[patient.trial.slug])
        return build.client(nurse).get(page, {"q": text}).content.decode()

    def test_finds_a_sample_by_the_code_on_a_tube_or_by_its_number(self, patient, sample, nurse):
        url = reverse("patients:sample", args=[patient.trial.slug, patient.code, sample.number])
        tube = sample.aliquots.get(number=2).code
        for text in (tube, tube.lower(), tube[:9], sample.code, f"S-{sample.number}", f"{patient.code} S-1"):
            assert self.found(patient, nurse, text).count(f'<a href="{url}"') == 1, text
        for text in ("S-99", "T9P9999", "xy"):
            assert url not in self.found(patient, nurse, text), text

    def test_says_why_one_was_not_collected(self, patient, day_7, nurse):
        with acting(user=nurse, role="coordinator"):
            record_not_collected(visit=day_7, plan="SUBSET", reason="Clotted", by=nurse)
        assert "Clotted" in self.found(patient, nurse, "S-1")
