"""Deviations in the casebook as PDF: with class and first text; those of the product for whoever may know it."""

import pytest

from dosing.models import ProductDeviation
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from tests.support import build
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.casebooks import book
from tests.support.study.deviations import added, amended, classified

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]


def parts(patient, trial):
    return PatientPaper(patient, Audience.nobody(trial)).content()["deviations"]


def test_a_deviation_is_printed_with_its_class_and_its_first_text(trial, doctor, tmp_path):
    """P11-02, Annex 11 §8.2."""
    patient = build.patient(trial=trial, screened_on=INCLUDED)
    row = added(patient, doctor)
    classified(amended(row, doctor, description="Given twice"), doctor, "major")
    (part,) = parts(patient, trial)
    facts = {label: (value, past and past["original"]) for label, value, past in part["facts"]}
    assert part["title"] == "D-1"
    assert facts["What happened"] == ("Given twice", "Given hydroxychloroquine")
    assert facts["Classification"][0] == "Major"
    paper = book(trial, tmp_path, patient=patient.code)
    for words in ("Protocol deviations", "Given twice", "Given hydroxychloroquine"):
        assert paper.holds(words)


def test_those_of_the_product_are_printed_in_an_open_trial_and_not_for_blinded_readers(trial):
    """BLD-03."""
    found = {}
    for each in (trial, build.trial(build.COVID_MSV)):
        patient = build.patient(trial=each, screened_on=INCLUDED)
        laboratory = build.user("cell_laboratory", trial=each)
        added(patient, laboratory, log=ProductDeviation, category="other")
        found[each.slug] = [part["title"] for part in parts(patient, each)]
    assert found == {build.LIEGE: ["P-1"], build.COVID_MSV: []}
