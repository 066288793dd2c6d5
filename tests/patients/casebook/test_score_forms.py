"""The score forms of both protocols: from the values captured at a visit to the points on the page.

The worked examples give 12, 11 and 3.0. Values of other visits are not used. The page names missing inputs.
"""

from typing import Any

import pytest
from django.test import Client

from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.casebook.edit_checks import check_answers
from patients.casebook.outdated_scores import outdated
from patients.entry import saving
from patients.models import Patient
from protocol.expressions.rules import rules_of
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.protocols.shipped import COVID_MSV, LIEGE, calculated, fired, rules, scope

BOTH = pytest.mark.parametrize("slug", [LIEGE, COVID_MSV])
ILL: dict[str, Any] = {
    "blood_gas.gas_done": "Y",
    "blood_gas.pao2": "65",
    "blood_gas.fio2": "50",
    "respiratory_support.support": "IMV",
    "respiratory_support.ecmo": "N",
    "respiratory_support.fio2": "50",
    "respiratory_support.peep": "10",
    "respiratory_support.compliance": "35.0",
    "haematology.platelets": "90",
    "biochemistry.bilirubin": {"value": "42.76", "entered": "2.5", "unit": "mg/dL"},
    "biochemistry.creatinine": {"value": "132.63", "entered": "1.5", "unit": "mg/dL"},
    "circulation.vasoactive": "Y",
    "circulation.norepinephrine": "0.08",
    "circulation.epinephrine": "0",
    "circulation.dopamine": "0",
    "circulation.dobutamine": "N",
    "circulation.other_vasopressor": "N",
    "circulation.dialysis": "N",
    "vitals.gcs": "14",
    "vitals.map": "75.0",
    "vitals.rr": "26",
    "vitals.spo2": "92",
    "vitals.sbp": "105",
    "vitals.hr": "115",
    "vitals.acvpu": "A",
    "vitals.temp": "38.5",
    "sofa.urine_collected": "N",
    "news2.spo2_scale": "1",
    "murray.quadrants": "4",
    "murray.compliance_measured": "Y",
    "who_cps.hospitalised": "Y",
    "berlin.within_a_week": "Y",
    "berlin.bilateral": "Y",
    "berlin.not_cardiac": "Y",
}


def lacks(slug: str, form: str, known: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the labels of the missing inputs by calculated item without a value."""
    asked = rules(slug, form)
    lacking = check_answers(asked.form, asked, scope(known, form)).missing_inputs
    return {name: tuple(asked.label_of(path) for path in labels.paths) for name, labels in lacking.items()}


@BOTH
def test_the_worked_sofa_is_twelve(slug: str) -> None:
    assert calculated(slug, "sofa", ILL) == {
        "respiration": "3",
        "coagulation": "2",
        "liver": "2",
        "cardiovascular": "3",
        "cns": "1",
        "renal": "1",
        "total": "12",
    }


@BOTH
def test_the_worked_news2_is_eleven(slug: str) -> None:
    found = calculated(slug, "news2", ILL)
    assert [found[name] for name in ("respiration", "saturation", "oxygen", "systolic")] == [
        "3",
        "2",
        "2",
        "1",
    ]
    assert [found[name] for name in ("pulse", "consciousness", "temperature")] == ["2", "0", "1"]
    assert (found["total"], found["risk"]) == ("11", "HIGH")


@BOTH
def test_the_worked_lung_injury_score_is_three(slug: str) -> None:
    found = calculated(slug, "murray", ILL)
    assert found == {"chest": "4", "oxygenation": "3", "peep": "2", "compliance": "3", "total": "3.00"}
    without = calculated(slug, "murray", {**ILL, "murray.compliance_measured": "N"})
    assert without == {"chest": "4", "oxygenation": "3", "peep": "2", "total": "3.00"}


@BOTH
def test_the_who_scale_and_berlin_are_proposed_from_the_same_visit(slug: str) -> None:
    assert calculated(slug, "who_cps", ILL) == {"proposed": "9"}
    calm = {**ILL, "circulation.norepinephrine": "0"}
    assert calculated(slug, "who_cps", calm) == {"proposed": "8"}
    assert calculated(slug, "who_cps", {**calm, "blood_gas.pao2": "75"}) == {"proposed": "7"}
    assert calculated(slug, "berlin", ILL) == {"peep": "10.0", "pf": "130.0", "severity": "MODERATE"}


@BOTH
def test_without_a_blood_gas_the_who_scale_takes_the_saturation(slug: str) -> None:
    known = {path: value for path, value in ILL.items() if not path.startswith("blood_gas")}
    known["circulation.vasoactive"] = "N"
    assert calculated(slug, "who_cps", known) == {"proposed": "8"}  # 92 / 0.50 = 184
    assert calculated(slug, "who_cps", {**known, "respiratory_support.fio2": "45"}) == {"proposed": "7"}
    assert "respiration" not in calculated(slug, "sofa", known)


@BOTH
def test_a_missing_component_leaves_the_total_empty_and_is_named(slug: str) -> None:
    known = {**ILL, "haematology.platelets": {"missing": "ND"}}
    found = calculated(slug, "sofa", known)
    assert "coagulation" not in found
    assert "total" not in found
    assert lacks(slug, "sofa", known) == {
        "coagulation": ("Haematology: Platelets",),
        "total": ("Coagulation",),
    }


@BOTH
@pytest.mark.parametrize("name", sorted(name for name in ILL if name.partition(".")[0] != "sofa"))
def test_blanking_one_value_never_lowers_the_sofa(slug: str, name: str) -> None:
    blank = {path: value for path, value in ILL.items() if path != name}
    found = calculated(slug, "sofa", blank)
    assert found.get("total", "none") in ("12", "none")
    assert bool(lacks(slug, "sofa", blank)) is ("total" not in found)


@BOTH
def test_urine_counts_only_where_it_was_collected(slug: str) -> None:
    little = {**ILL, "vitals.urine_output": "150"}
    assert calculated(slug, "sofa", little)["renal"] == "1"
    assert fired(slug, "sofa", little) == {"SO01"}
    collected = {**little, "sofa.urine_collected": "Y"}
    assert calculated(slug, "sofa", collected)["renal"] == "4"
    assert fired(slug, "sofa", collected) == set()
    awaited = {**ILL, "sofa.urine_collected": "Y"}
    assert lacks(slug, "sofa", awaited)["renal"] == ("Vital signs: Urine in 24 hours",)


@BOTH
@pytest.mark.parametrize(
    ("support", "points"), [("IMV", "4"), ("NIV", "4"), ("HIGH_FLOW", "2"), ("LOW_FLOW", "2"), ("AIR", "2")]
)
def test_only_ventilation_is_support_for_the_respiratory_points(slug: str, support: str, points: str) -> None:
    known = {**ILL, "blood_gas.pao2": "45", "respiratory_support.support": support}
    assert calculated(slug, "sofa", known)["respiration"] == points


@BOTH
def test_the_arterial_line_comes_before_the_cuff(slug: str) -> None:
    calm = {**ILL, "circulation.vasoactive": "N"}
    assert calculated(slug, "sofa", calm)["cardiovascular"] == "0"
    assert calculated(slug, "sofa", {**calm, "vitals.map_measured": "69"})["cardiovascular"] == "1"
    del calm["vitals.map"]
    assert lacks(slug, "sofa", calm)["cardiovascular"] == (
        "Vital signs: Mean, measured by arterial line",
        "Vital signs: Mean, from the two",
    )


@BOTH
def test_without_ventilation_there_is_no_peep_and_no_ards(slug: str) -> None:
    known = {**ILL, "respiratory_support.support": "HIGH_FLOW"}
    assert calculated(slug, "berlin", known) == {"peep": "0.0", "pf": "130.0", "severity": "NONE"}


LOBES = ("right_upper", "right_middle", "right_lower", "left_upper", "left_lower")


@BOTH
def test_images_are_summed_when_they_are_scored(slug: str) -> None:
    lobes = {f"ct_score.{name}": str(points) for points, name in enumerate(LOBES, start=1)}
    assert calculated(slug, "ct_score", {**lobes, "ct_score.scored": "Y"}) == {"total": "15"}
    assert calculated(slug, "ct_score", {**lobes, "ct_score.scored": "N"}) == {}
    lungs = {"chest_xray_score.scored": "Y", "chest_xray_score.right": "4", "chest_xray_score.left": "2"}
    assert calculated(slug, "chest_xray_score", lungs) == {"total": "6"}
    blank = {**lungs, "chest_xray_score.left": {"missing": "UNK"}}
    assert lacks(slug, "chest_xray_score", blank) == {"total": ("Left lung",)}


UNCOVERED = {**ILL, "blood_gas.pao2": "75", "circulation.dialysis": "Y"}


@BOTH
@pytest.mark.parametrize(
    ("form", "check", "known", "fires"),
    [
        ("who_cps", "WC01", UNCOVERED, True),
        ("who_cps", "WC01", {**ILL, "respiratory_support.ecmo": "Y", "blood_gas.pao2": "75"}, True),
        ("who_cps", "WC01", {**ILL, "circulation.dialysis": "Y", "blood_gas.pao2": "74.9"}, False),
        ("who_cps", "WC01", {**UNCOVERED, "who_cps.hospitalised": "N"}, False),
        ("who_cps", "WC02", {**ILL, "who_cps.score": "10", "vital_status.survival_status": "ALIVE"}, True),
        ("who_cps", "WC02", {**ILL, "who_cps.score": "10", "vital_status.survival_status": "DEAD"}, False),
        ("who_cps", "WC02", {**ILL, "who_cps.score": "9", "vital_status.survival_status": "DEAD"}, True),
        ("who_cps", "WC02", {**ILL, "who_cps.score": "9"}, False),
        ("who_cps", "WC03", {**ILL, "who_cps.score": "6"}, True),
        ("who_cps", "WC03", {**ILL, "who_cps.score": "7"}, False),
        ("who_cps", "WC03", {**ILL, "who_cps.score": "10"}, False),
        ("who_cps", "WC03", {"respiratory_support.support": "NIV", "who_cps.score": "7"}, True),
        ("who_cps", "WC03", {"respiratory_support.support": "NIV", "who_cps.score": "6"}, False),
        ("who_cps", "WC04", {**ILL, "who_cps.hospitalised": "N"}, True),
        ("who_cps", "WC04", ILL, False),
        ("who_cps", "WC05", {**ILL, "who_cps.score": "8", "who_cps.proposed": "9"}, True),
        ("who_cps", "WC05", {**ILL, "who_cps.score": "9", "who_cps.proposed": "9"}, False),
        ("who_cps", "WC05", {**ILL, "who_cps.score": "9"}, False),
        ("sofa", "SO01", {**ILL, "vitals.urine_output": "0"}, True),
        ("sofa", "SO01", {**ILL, "sofa.urine_collected": "Y", "vitals.urine_output": "0"}, False),
        ("circulation", "CR01", {**ILL, "circulation.norepinephrine": "0"}, True),
        ("circulation", "CR01", ILL, False),
        (
            "circulation",
            "CR01",
            {**ILL, "circulation.norepinephrine": "0", "circulation.dobutamine": "Y"},
            False,
        ),
        ("ct_score", "CS01", {"ct_score.scored": "N", "chest_imaging.ct_done": "Y"}, True),
        ("ct_score", "CS01", {"ct_score.scored": "N", "chest_imaging.ct_done": "N"}, False),
        ("chest_xray_score", "XS01", {"chest_xray_score.scored": "N", "chest_imaging.xray_done": "Y"}, True),
        ("chest_xray_score", "XS01", {"chest_xray_score.scored": "Y", "chest_imaging.xray_done": "Y"}, False),
    ],
)
def test_the_checks_of_the_score_forms(
    slug: str, form: str, check: str, known: dict[str, Any], fires: bool
) -> None:
    assert (check in fired(slug, form, known)) is fires


@BOTH
def test_a_category_that_the_scale_does_not_have_is_not_proposed(slug: str) -> None:
    assert calculated(slug, "who_cps", UNCOVERED) == {}
    assert lacks(slug, "who_cps", UNCOVERED) == {"proposed": ()}


@BOTH
def test_another_category_than_the_proposed_one_needs_a_reason(slug: str) -> None:
    asked = rules(slug, "who_cps")
    other = scope({**ILL, "who_cps.proposed": "9", "who_cps.score": "8"}, "who_cps")
    same = scope({**ILL, "who_cps.proposed": "9", "who_cps.score": "9"}, "who_cps")
    assert "reason" in asked.required(other)
    assert asked.is_ruled_out("reason", same)


# --- through the casebook

VITALS = {
    "measured_at": "2026-03-02",
    "rr": "26",
    "spo2": "92",
    "sbp": "105",
    "dbp": "60",
    "hr": "115",
    "temp": "38.5",
}
SUPPORT = {"assessed_at": "2026-03-02", "support": "LOW_FLOW", "o2_flow": "4", "fio2": "30", "ecmo": "N"}


@pytest.fixture
def patient(db: None) -> Patient:
    trial = build.trial()
    nurse = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    return patient


def opened(patient: Patient) -> Casebook:
    person = build.user("coordinator", trial=patient.trial)
    return Casebook.open(user=person, trial=patient.trial, code=patient.code)


def test_a_score_never_takes_a_value_of_another_visit(patient: Patient) -> None:
    build.record(patient, "vitals", {**VITALS, "acvpu": "A"}, draft=True)
    build.record(patient, "respiratory_support", SUPPORT, draft=True)
    book = opened(patient)
    form = rules_of(patient.protocol.rules).form("news2")
    later = next(visit for visit in book.visits if visit.key == "INF1")
    here = book.scope(book.place("news2", "SCR"), {"spo2_scale": "1"})
    there = book.scope(book.place("news2", later.key), {"spo2_scale": "1"})
    assert form.calculated(here)["total"] == "11"
    assert there.get("vitals.rr") == "26"
    assert form.calculated(there) == {}


def test_the_page_says_what_an_empty_total_needs(patient: Patient) -> None:
    build.record(patient, "vitals", VITALS, draft=True)
    build.record(patient, "respiratory_support", SUPPORT, draft=True)
    desk = build.client(build.user("coordinator", trial=patient.trial))
    page = desk.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/news2/")
    words = text_of(page)
    assert "Consciousness · calculated not known yet: needs Vital signs: ACVPU" in words
    assert "NEWS2, 0 to 20 · calculated not known yet: needs SpO2, Consciousness" in words
    assert "Temperature · calculated 1" in words


def test_the_page_says_when_no_value_fits(patient: Patient) -> None:
    build.record(patient, "respiratory_support", {**SUPPORT, "ecmo": "Y"}, draft=True)
    desk = build.client(build.user("coordinator", trial=patient.trial))
    address = f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/who_cps/"
    blank = text_of(desk.get(address))
    assert "calculated not known yet: needs In hospital" in blank
    answer = text_of(desk.post(f"{address}check/", {"hospitalised": "Y"}))
    assert "no value fits these answers" in answer
    assert "The printed scale has no category for ECMO" in answer


def test_the_words_follow_what_is_typed(patient: Patient) -> None:
    build.record(patient, "vitals", {**VITALS, "acvpu": "A"}, draft=True)
    build.record(patient, "respiratory_support", SUPPORT, draft=True)
    desk: Client = build.client(build.user("coordinator", trial=patient.trial))
    address = f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/news2/"
    blank = text_of(desk.post(f"{address}check/", {"spo2_scale": ""}))
    typed = text_of(desk.post(f"{address}check/", {"spo2_scale": "1"}))
    assert "not known yet: needs Scale for SpO2" in blank
    assert "not known yet" not in typed
    assert "3 2 2 1 2 0 1 11 High" in typed


def test_a_score_says_when_the_forms_it_was_read_from_have_changed(patient: Patient) -> None:
    """A stored score is not rewritten by the system: the page asks to save the form again."""
    nurse = build.user("coordinator", trial=patient.trial)
    build.record(patient, "vitals", {**VITALS, "acvpu": "A"}, draft=True, by=nurse)
    build.record(patient, "respiratory_support", SUPPORT, draft=True, by=nurse)
    build.record(patient, "news2", {"spo2_scale": "1"}, by=nurse)
    assert list(outdated(opened(patient))) == []
    book = opened(patient)
    with acting(user=nurse, role="coordinator"):
        values = {**VITALS, "acvpu": "A", "rr": "18"}
        saving.save_draft(
            saving.Entry(place=book.place("vitals", "SCR"), values=values, base_version=1), by=nurse
        )
    found = {each.item.name: (each.stored, each.now) for each in outdated(opened(patient))}
    assert found == {"respiration": ("3", "0"), "total": ("11", "8")}
    address = f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/news2/"
    told = "Other forms have changed since this was saved: save this form again."
    assert text_of(build.client(nurse).get(address)).count(told) == 1
    page = text_of(build.client(nurse).get(address, {"change": "1"}))
    assert page.count(told) == 2


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return words(response)


def test_a_score_shows_the_values_it_comes_from(patient: Patient) -> None:
    """Label, value, form and day, on the page that is entered and on the one that is read."""
    nurse = build.user("coordinator", trial=patient.trial)
    build.record(patient, "vitals", {**VITALS, "acvpu": "A"}, draft=True, by=nurse)
    address = f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/news2/"
    wanted = f"Respiratory rate: {VITALS['rr']} breaths/min (Vital signs, "
    assert wanted in text_of(build.client(nurse).get(address))
    build.record(patient, "respiratory_support", SUPPORT, draft=True, by=nurse)
    build.record(patient, "news2", {"spo2_scale": "1"}, by=nurse)
    assert wanted in text_of(build.client(nurse).get(address))
    assert wanted in text_of(build.client(build.user("monitor", trial=patient.trial)).get(address))
