"""Items of the shipped protocols: codes, units, limits, calculations, and skip logic."""

from collections.abc import Iterator

import pytest

from protocol.document.items import Form, Item
from tests.support.protocols.agreed_limits import AGREED, BY_CODE, BY_LOINC, Agreed
from tests.support.protocols.shipped import BOTH, COVID_MSV, LIEGE, calculated, protocol, rules, scope

FERTILE = {"childbearing_potential": "Y"}


def items_of(form: Form) -> Iterator[Item]:
    """Yield the items of a form and the columns of its rows."""
    for item in form.items:
        yield item
        yield from item.columns


def items(slug: str) -> Iterator[Item]:
    for form in protocol(slug).forms.values():
        yield from items_of(form)


def agreed(item: Item) -> Agreed | None:
    """Return the agreed figures of an item: by its LOINC code, else by its CDISC code."""
    return BY_LOINC.get(item.loinc or "") or BY_CODE.get(item.cdisc or "")


@pytest.mark.parametrize("slug", BOTH)
def test_all_seventy_two_tests_are_asked_for_with_their_codes(slug):
    assert len(AGREED) == 72
    asked = {(item.cdisc, item.loinc or "") for item in items(slug)}
    assert [each.cdisc for each in AGREED if (each.cdisc, each.loinc) not in asked] == []


@pytest.mark.parametrize("slug", BOTH)
def test_units_limits_and_factors_are_the_agreed_figures(slug):
    seen = 0
    for item in items(slug):
        figures = agreed(item)
        assert figures or not item.loinc, item.name
        if figures is None:
            continue
        seen += 1
        assert item.unit == figures.unit, item.name
        assert (tuple(item.hard), tuple(item.soft)) == (figures.hard, figures.soft), item.name
        assert item.cdisc in (figures.cdisc, None), item.name
        other = () if item.is_calculated or figures.other is None else (figures.other,)
        assert tuple((each.unit, each.factor) for each in item.units) == other, item.name
    assert seen >= len(AGREED)


@pytest.mark.parametrize("slug", BOTH)
def test_no_date_of_birth_is_asked(slug):
    """PRV-02: age in years only."""
    assert protocol(slug).item("demography.age").type == "integer"
    assert not [item.name for item in items(slug) if "birth" in item.name or "born" in item.name]


@pytest.mark.parametrize("slug", BOTH)
@pytest.mark.parametrize(
    ("form", "answers", "expected"),
    [
        # (120 + 2 × 80) / 3 = 93.33
        ("vitals", {"sbp": "120", "dbp": "80"}, {"map": "93.3"}),
        # (90 + 2 × 45) / 3 = 60
        ("vitals", {"sbp": "90", "dbp": "45"}, {"map": "60.0"}),
        ("vitals", {"sbp": "90", "dbp": {"missing": "ND"}}, {}),
        # 70 / 1.75² = 22.857; 50 + 0.91 × (175 − 152.4) = 70.566
        ("demography", {"sex": "M", "height": "175", "weight": "70"}, {"bmi": "22.9", "pbw": "70.6"}),
        # 60.5 / 1.625² = 22.911; 45.5 + 0.91 × (162.5 − 152.4) = 54.691
        ("demography", {"sex": "F", "height": "162.5", "weight": "60.5"}, {"bmi": "22.9", "pbw": "54.7"}),
        ("demography", {"height": "175", "weight": "70"}, {"bmi": "22.9"}),
        # 65 / 0.40 = 162.5
        ("blood_gas", {"gas_done": "Y", "pao2": "65", "fio2": "40"}, {"pf_ratio": "162.5"}),
        # 10 kPa is 75.0062 mmHg; 75.0062 / 0.21 = 357.17
        (
            "blood_gas",
            {"gas_done": "Y", "pao2": {"value": "75.0062", "entered": "10", "unit": "kPa"}, "fio2": "21"},
            {"pf_ratio": "357.2"},
        ),
        ("blood_gas", {"gas_done": "Y", "fio2": "21"}, {}),
        ("vitals", {"gcs_eye": "4", "gcs_verbal": "1", "gcs_motor": "6"}, {"gcs": "11"}),
        ("vitals", {"gcs_eye": "4", "gcs_verbal": {"missing": "NA"}, "gcs_motor": "6"}, {}),
        # 420 / 70 = 6; 25 - 10 = 15; 420 / 15 = 28
        (
            "respiratory_support",
            {"support": "IMV", "vt": "420", "demography.pbw": "70", "plateau": "25", "peep": "10"},
            {"vt_per_kg": "6.0", "driving_pressure": "15.0", "compliance": "28.0"},
        ),
        # a plateau that equals PEEP would divide by zero
        (
            "respiratory_support",
            {"support": "IMV", "vt": "420", "plateau": "10", "peep": "10"},
            {"driving_pressure": "0.0"},
        ),
        # 600 / 400 = 1.5
        ("lymphocyte_subsets", {"cd4": "600", "cd8": "400"}, {"cd4_cd8_ratio": "1.50"}),
        # 2.4 / 3.2 = 0.75
        ("lung_function", {"fev1": "2.4", "fvc": "3.2"}, {"fev1_fvc": "0.75"}),
    ],
)
def test_calculated_items_agree_with_the_hand(slug, form, answers, expected):
    known = {name if "." in name else f"{form}.{name}": value for name, value in answers.items()}
    assert calculated(slug, form, known) == expected


@pytest.mark.parametrize(
    ("form", "answers", "required", "not_asked"),
    [
        ("respiratory_support", {"support": "IMV"}, {"peep"}, {"o2_flow"}),
        ("respiratory_support", {"support": "NIV"}, set(), {"o2_flow"}),
        ("respiratory_support", {"support": "AIR"}, {"fio2"}, {"peep", "o2_flow", "fio2_source"}),
        ("respiratory_support", {"support": "LOW_FLOW"}, {"o2_flow", "fio2_source"}, {"peep"}),
        ("blood_gas", {"gas_done": "Y"}, {"pao2", "sampled_at", "fio2"}, set()),
        ("blood_gas", {"gas_done": "N"}, set(), {"pao2", "sampled_at", "fio2"}),
        ("respiratory_support", {"support": "IMV"}, {"mode", "vt", "plateau", "prone"}, {"o2_flow"}),
        (
            "respiratory_support",
            {"support": "NIV"},
            {"fio2"},
            {"mode", "vt", "vt_per_kg", "plateau", "prone"},
        ),
        ("covid_diagnosis", {"symptoms": ["COUGH"]}, {"confirmed_by"}, {"dyspnoea_on"}),
        ("covid_diagnosis", {"symptoms": ["DYSPNOEA"]}, {"dyspnoea_on"}, set()),
        ("virology", {"visit.code": "D7", "pcr_result": "NEG"}, {"pcr_on", "specimen"}, {"ct_value"}),
        # Asked once at screening, and read from there by the criteria and the checks.
        ("virology", {"visit.code": "SCR", "pcr_result": "POS"}, {"pcr_on", "specimen"}, set()),
        ("chest_imaging", {"visit.code": "SCR", "ct_done": "Y"}, {"ct_on"}, set()),
        (
            "chest_imaging",
            {"visit.code": "D7", "ct_done": "Y", "xray_done": "N"},
            {"ct_on", "ct_findings"},
            {"xray_on"},
        ),
        ("support_episode", {"ongoing": "N"}, {"ended_at", "ended_because"}, set()),
        ("support_episode", {"ongoing": "Y"}, {"started_at"}, {"ended_at"}),
        ("vasopressor", {"agent": "VASOPRESSIN"}, {"highest_rate"}, {"highest_dose"}),
        ("medication", {"given_for": "ADVERSE_EVENT"}, {"event_number"}, set()),
        ("biochemistry", {"ddimer_kind": "FEU"}, {"ddimer_feu"}, {"ddimer_ddu"}),
        ("biochemistry", {"ddimer_kind": "DDU"}, {"ddimer_ddu"}, {"ddimer_feu"}),
        ("biochemistry", {}, {"ddimer_kind", "crp"}, {"ddimer_ddu", "ddimer_feu", "troponin_i"}),
        (
            "vital_status",
            {"survival_status": "DEAD"},
            {"died_on", "death_cause"},
            {"last_contact_on", "location"},
        ),
        (
            "vital_status",
            {"survival_status": "ALIVE"},
            {"last_contact_on", "location"},
            {"died_on", "oxygen_at_home"},
        ),
        ("pregnancy_test", {"demography.sex": "M"}, set(), {"childbearing_potential", "result"}),
        ("pregnancy_test", {"demography.sex": "F"}, {"childbearing_potential"}, {"result"}),
        ("pregnancy_test", {"demography.sex": "F"} | FERTILE, {"result", "test_on"}, set()),
        ("medication", {"ongoing": "N", "dose": "5"}, {"ended_on", "dose_unit"}, set()),
        ("medication", {"ongoing": "Y"}, set(), {"ended_on"}),
    ],
)
@pytest.mark.parametrize("slug", BOTH)
def test_what_is_asked_follows_what_was_answered(slug, form, answers, required, not_asked):
    known = {path if "." in path else f"{form}.{path}": value for path, value in answers.items()}
    seen = scope(known, form)
    asked = rules(slug, form)
    assert required <= asked.required(seen)
    assert not not_asked & asked.shown(seen)


@pytest.mark.parametrize(
    ("visit", "asks"), [("SCR", True), ("INF1", True), ("D3", True), ("D7", True), ("D14", False)]
)
def test_shortness_of_breath_is_asked_up_to_day_7_for_the_registered_clinical_response(visit, asks):
    seen = scope({"visit.code": visit}, "vitals")
    assert ("dyspnoea" in rules(COVID_MSV, "vitals").required(seen)) is asks
    covered = {
        each.code for each in protocol(COVID_MSV).visits if "vitals" in each.form_codes and each.day <= 7
    }
    assert covered == {"SCR", "INF1", "D1", "D2", "D3", "D7"}


def test_peep_and_dose_unit_are_not_required_without_cause():
    assert "peep" not in rules(LIEGE, "respiratory_support").required(
        scope({"respiratory_support.support": "NIV"}, "respiratory_support")
    )
    assert "dose_unit" not in rules(LIEGE, "medication").required(scope({}, "medication"))
