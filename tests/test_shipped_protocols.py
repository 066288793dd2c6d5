"""The shipped protocol files say what the sources say: identity, doses, visits, limits, and every language.

The figures are copied here by hand, so that a slip in a file is seen.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from pydantic import BaseModel

from tests.agreed_limits import AGREED, BY_CODE, BY_LOINC, Agreed
from tests.shipped import COVID_MSV, LIEGE, THIRD, calculated, path_of, protocol, rules, scope
from trials.checking import problems
from trials.protocol import Form, Item, Text
from trials.schedule import planned_visits

BOTH = [LIEGE, COVID_MSV]
ALL = [*BOTH, THIRD]

VITALS, LABS = {"vitals", "respiratory_support", "ventilator"}, {"blood_gas", "haematology", "biochemistry"}
BEDSIDE = {"vitals", "respiratory_support"}
BLOOD = {"haematology", "biochemistry"}
SCORES = {"circulation", "sofa", "news2", "who_cps"}
IMAGE_SCORES = {"ct_score", "chest_xray_score"}
IMMUNE = {"cytokines", "lymphocyte_subsets"}
CAPACITY = {"lung_function", "walk_test"}
HISTORY = {"demography", "medical_history", "covid_diagnosis", "pregnancy_test", "eligibility"}
BASELINE = HISTORY | VITALS | LABS | SCORES | IMAGE_SCORES | {"chest_imaging", "virology"}
INFUSION = VITALS | LABS | SCORES | {"infusion_monitoring"}
EARLY = VITALS | SCORES | {"vital_status"}
WEEK = VITALS | LABS | SCORES | IMMUNE | {"vital_status"}
FORTNIGHT = BEDSIDE | BLOOD | SCORES | IMMUNE | {"vital_status"}
MONTH = FORTNIGHT | IMAGE_SCORES | {"chest_imaging"}
SECOND_MONTH = BEDSIDE | {"who_cps", "vital_status"}
LATE = SECOND_MONTH | BLOOD | IMMUNE | CAPACITY
HLA = {"hla_antibodies"}

FERTILE = {"childbearing_potential": "Y"}

# visit: anchor, day, window, forms that must be done
LIEGE_SCHEDULE = {
    "SCR": ("screening", 0, (0, 3), BASELINE),
    "INF1": ("inclusion", 0, (0, 2), INFUSION | IMMUNE),
    "D1": ("infusion_1", 1, (0, 0), EARLY),
    "D2": ("infusion_1", 2, (0, 0), EARLY),
    "INF2": ("infusion_1", 3, (0, 1), INFUSION),
    "INF3": ("infusion_2", 3, (0, 1), INFUSION),
    "D7": ("inclusion", 7, (-1, 1), WEEK),
    "D14": ("inclusion", 14, (-1, 1), FORTNIGHT | {"sars_cov_2_confirmation"}),
    "D21": ("inclusion", 21, (-2, 2), {"vital_status", "who_cps"}),
    "D28": ("inclusion", 28, (-2, 2), MONTH),
    "D60": ("inclusion", 60, (-7, 7), SECOND_MONTH),
    "D90": ("inclusion", 90, (-7, 7), LATE),
}
COVID_MSV_SCHEDULE = {
    "SCR": ("screening", 0, (0, 2), BASELINE),
    "INF1": ("inclusion", 0, (0, 1), INFUSION | IMMUNE | HLA),
    "D1": ("infusion_1", 1, (0, 0), EARLY),
    "D2": ("infusion_1", 2, (0, 0), EARLY),
    "D3": ("infusion_1", 3, (-1, 1), EARLY),
    "D7": ("infusion_1", 7, (-1, 1), WEEK),
    "D14": ("infusion_1", 14, (-1, 1), FORTNIGHT),
    "D21": ("infusion_1", 21, (-2, 2), {"vital_status", "who_cps"}),
    "D28": ("infusion_1", 28, (-2, 2), MONTH | HLA),
    "D60": ("infusion_1", 60, (-7, 7), SECOND_MONTH),
    "D90": ("infusion_1", 90, (-7, 7), LATE | HLA),
    "D180": ("infusion_1", 180, (-14, 14), LATE | HLA),
}
# What is entered where it was done anyway, by visit.
GAS_IF_DONE = {"blood_gas"}
AVAILABLE = {
    "D1": BLOOD | GAS_IF_DONE | {"cytokines"},
    "D2": BLOOD | GAS_IF_DONE | {"cytokines"},
    "D3": BLOOD | GAS_IF_DONE | {"cytokines"},
    "INF2": {"cytokines"},
    "INF3": {"cytokines"},
    "D7": {"chest_imaging", "virology"},
    "D14": GAS_IF_DONE | {"ventilator", "chest_imaging"},
    "D21": VITALS | LABS,
    "D28": GAS_IF_DONE | CAPACITY | {"ventilator", "virology"},
    "D60": BLOOD | CAPACITY,
    "D90": {"chest_imaging"},
    "D180": {"chest_imaging", "virology"},
}


def items_of(form: Form) -> Iterator[Item]:
    """The items of a form and the columns of its rows."""
    for item in form.items:
        yield item
        yield from item.columns


def items(slug: str) -> Iterator[Item]:
    for form in protocol(slug).forms.values():
        yield from items_of(form)


def texts(part: object) -> Iterator[Text]:
    """Every text of a protocol that a person reads in their language."""
    if isinstance(part, Text):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from texts(getattr(part, name))
    elif isinstance(part, dict):
        yield from texts(tuple(part.values()))
    elif isinstance(part, tuple):
        for each in part:
            yield from texts(each)


@pytest.mark.parametrize("slug", ALL)
def test_the_file_has_no_mistake(slug):
    assert problems(path_of(slug).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("slug", "id", "masking", "target", "first", "second", "zone", "days"),
    [
        (LIEGE, "NCT04445454", "open", 20, "LIE-001", "2020-002102-58", "Europe/Brussels", 90),
        (COVID_MSV, "NCT04361942", "double_blind", 24, "VAL-001", "2020-001682-36", "Europe/Madrid", 180),
    ],
)
def test_the_trial_is_the_registered_one(slug, id, masking, target, first, second, zone, days):
    trial = protocol(slug).trial
    assert (trial.id, trial.slug, trial.masking, trial.target) == (id, slug, masking, target)
    assert (trial.code_of(1), trial.identifiers["eudract"]) == (first, second)
    assert (trial.site.time_zone, trial.follow_up_days) == (zone, days)


@pytest.mark.parametrize("slug", ALL)
def test_every_text_is_in_every_language_of_the_site(slug):
    languages = {"en", *protocol(slug).trial.site.languages}
    found = list(texts(protocol(slug)))
    assert len(found) > 50
    assert [str(text) for text in found if set(text.root) < languages] == []


def test_liege_gives_three_infusions_of_one_donor():
    dosing = protocol(LIEGE).dosing
    dose = dosing.cells_per_kg
    assert [dose.lowest, dose.target, dose.highest] == [1_500_000, 3_000_000, 3_000_000]
    assert (dosing.infusions, dosing.interval_days, dosing.same_donor) == (3, (3, 4), True)
    assert dosing.weight_item == "vitals.weight"


def test_covid_msv_gives_one_infusion_in_a_hundred_millilitres():
    dosing = protocol(COVID_MSV).dosing
    dose = dosing.cells_per_kg
    assert [dose.lowest, dose.target, dose.highest] == [900_000, 1_000_000, 1_100_000]
    assert (dosing.infusions, dosing.volume_ml, dosing.same_donor) == (1, Decimal(100), False)


def test_covid_msv_allocates_one_to_one_without_strata():
    allocation = protocol(COVID_MSV).allocation
    assert (allocation.method, allocation.block_sizes) == ("permuted_blocks", (2, 4))
    assert (allocation.ratio, allocation.strata) == ({"cells": 1, "placebo": 1}, ())
    assert [arm.cells for arm in protocol(COVID_MSV).arms] == [True, False]
    assert protocol(LIEGE).allocation is None


@pytest.mark.parametrize(("slug", "schedule"), [(LIEGE, LIEGE_SCHEDULE), (COVID_MSV, COVID_MSV_SCHEDULE)])
def test_each_visit_has_its_anchor_window_and_forms(slug, schedule):
    found = {}
    for visit in protocol(slug).visits:
        must = {entry.form for entry in visit.forms if entry.when == "required"}
        found[visit.code] = (visit.anchor, visit.day, visit.window, must)
    assert found == schedule


@pytest.mark.parametrize("slug", BOTH)
def test_what_was_done_anyway_may_be_entered(slug):
    scores = SCORES | IMAGE_SCORES | {"berlin", "murray"}
    for visit in protocol(slug).visits:
        offered = {entry.form for entry in visit.forms if entry.when == "available"} - scores
        wanted = AVAILABLE.get(visit.code, set())
        if slug == LIEGE and visit.code in {"INF1", "D28", "D90"}:
            wanted = wanted | HLA
        if slug == COVID_MSV and visit.code == "D14":
            wanted = wanted | {"virology"}
        assert offered == wanted, visit.code


@pytest.mark.parametrize("slug", BOTH)
def test_the_vital_status_is_asked_at_every_follow_up_visit(slug):
    visits = [visit for visit in protocol(slug).visits if visit.kind == "follow_up"]
    assert visits
    assert all("vital_status" in visit.form_codes for visit in visits)


def test_the_third_infusion_of_liege_falls_six_to_eight_days_after_the_first():
    first, earliest, latest = date(2021, 3, 15), date(2021, 3, 18), date(2021, 3, 19)
    for second, days in ((earliest, (6, 7)), (latest, (7, 8))):
        anchors = {"infusion_1": first, "infusion_2": second}
        third = next(visit for visit in planned_visits(protocol(LIEGE), anchors) if visit.code == "INF3")
        assert ((third.window_from - first).days, (third.window_to - first).days) == days


def agreed(item: Item) -> Agreed | None:
    """The agreed figures of an item: by its LOINC code, else by a CDISC code that has none."""
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
            "ventilator",
            {"ventilated": "Y", "vt": "420", "demography.pbw": "70", "plateau": "25", "peep": "10"},
            {"vt_per_kg": "6.0", "driving_pressure": "15.0", "compliance": "28.0"},
        ),
        # a plateau that equals PEEP would divide by zero
        (
            "ventilator",
            {"ventilated": "Y", "vt": "420", "plateau": "10", "peep": "10"},
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
        ("ventilator", {"ventilated": "Y"}, {"peep", "vt", "plateau", "measured_at"}, set()),
        ("ventilator", {"ventilated": "N"}, {"ventilated"}, {"peep", "vt", "plateau", "measured_at"}),
        ("covid_diagnosis", {"symptoms": ["COUGH"]}, {"confirmed_by"}, {"dyspnoea_on", "specimen"}),
        ("covid_diagnosis", {"symptoms": ["DYSPNOEA"]}, {"dyspnoea_on"}, set()),
        ("virology", {"pcr_result": "NEG"}, {"pcr_on", "specimen"}, {"ct_value"}),
        ("chest_imaging", {"ct_done": "Y", "xray_done": "N"}, {"ct_on", "ct_findings"}, {"xray_on"}),
        ("support_episode", {"ongoing": "N"}, {"ended_at", "ended_because"}, set()),
        ("support_episode", {"ongoing": "Y"}, {"started_at"}, {"ended_at"}),
        ("vasopressor", {"agent": "VASOPRESSIN"}, {"highest_rate"}, {"highest_dose"}),
        ("medication", {"given_for": "ADVERSE_EVENT"}, {"event_number"}, set()),
        ("biochemistry", {"ddimer_kind": "FEU"}, {"ddimer_feu"}, {"ddimer_ddu"}),
        ("biochemistry", {"ddimer_kind": "DDU"}, {"ddimer_ddu"}, {"ddimer_feu"}),
        ("biochemistry", {}, {"ddimer_kind", "crp"}, {"ddimer_ddu", "ddimer_feu", "troponin_i"}),
        ("vital_status", {"status": "DEAD"}, {"died_on", "death_cause"}, {"last_contact_on", "location"}),
        ("vital_status", {"status": "ALIVE"}, {"last_contact_on", "location"}, {"died_on", "oxygen_at_home"}),
        ("pregnancy_test", {"demography.sex": "M"}, set(), {"childbearing_potential", "result"}),
        ("pregnancy_test", {"demography.sex": "F"}, {"childbearing_potential"}, {"result"}),
        ("pregnancy_test", {"demography.sex": "F"} | FERTILE, {"result", "test_on"}, set()),
        ("medication", {"ongoing": "N", "dose": "5"}, {"ended_on", "dose_unit"}, set()),
        ("medication", {"ongoing": "Y"}, set(), {"ended_on"}),
        ("deviation", {"reported": "Y"}, {"reported_on"}, set()),
    ],
)
@pytest.mark.parametrize("slug", BOTH)
def test_what_is_asked_follows_what_was_answered(slug, form, answers, required, not_asked):
    known = {path if "." in path else f"{form}.{path}": value for path, value in answers.items()}
    seen = scope(known, form)
    asked = rules(slug, form)
    assert required <= asked.required(seen)
    assert not not_asked & asked.shown(seen)


def test_peep_and_dose_unit_are_not_required_without_cause():
    assert "peep" not in rules(LIEGE, "respiratory_support").required(
        scope({"respiratory_support.support": "NIV"}, "respiratory_support")
    )
    assert "dose_unit" not in rules(LIEGE, "medication").required(scope({}, "medication"))


@pytest.mark.parametrize(("imv_day", "asked"), [("2021-03-07", False), ("2021-03-06", True)])
def test_liege_asks_for_inflammation_after_seven_days_of_ventilation(imv_day, asked):
    answers = {
        "eligibility.imv_tracheal": "Y",
        "eligibility.assessed_at": "2021-03-14T10:00+01:00[Europe/Brussels]",
        "eligibility.imv_started_at": f"{imv_day}T10:00+01:00[Europe/Brussels]",
    }
    seen = scope(answers, "eligibility")
    wanted = {"ferritin", "ferritin_24h", "crp", "crp_24h", "lymphocytes", "ldh", "superinfection_explains"}
    assert wanted <= rules(LIEGE, "eligibility").shown(seen)
    assert (wanted <= rules(LIEGE, "eligibility").required(seen)) is asked


def test_the_pcr_criterion_of_liege_may_wait_fourteen_days():
    deferred = {each.id: each.deferred_days for each in protocol(LIEGE).eligibility if each.is_deferred}
    assert deferred == {"I2b": 14}


@pytest.mark.parametrize(
    ("slug", "inclusion", "exclusion"),
    [
        (LIEGE, ["I1", "I2a", "I2b", "I3", "I4", "I5"], [f"E{number}" for number in range(1, 13)]),
        (COVID_MSV, ["I1", "I2", "I3", "I4", "I5"], [f"E{number}" for number in range(1, 6)]),
    ],
)
def test_every_registered_criterion_is_there(slug, inclusion, exclusion):
    found = protocol(slug).eligibility
    assert [each.id for each in found if each.kind == "inclusion"] == inclusion
    assert [each.id for each in found if each.kind == "exclusion"] == exclusion


def test_the_events_of_special_interest_of_liege_are_infections_and_thrombo_embolism():
    codes = [each.code for each in protocol(LIEGE).safety.aesi]
    assert codes[:5] == [
        "INFECTION_BACTERIAL", "INFECTION_VIRAL", "INFECTION_FUNGAL", "INFECTION_PARASITIC", "THROMBOEMBOLIC",
    ]  # fmt: skip
    assert all(code.startswith("INFUSION_") for code in codes[5:])


@pytest.mark.parametrize("slug", BOTH)
def test_grading_is_pinned_and_the_clock_is_a_day(slug):
    """LAB-02, CLK-01."""
    safety = protocol(slug).safety
    assert (safety.ctcae, safety.sae_clock_hours) == ("5.0", 24)
    assert safety.follow_up_days == protocol(slug).trial.follow_up_days


def test_outcomes_without_a_public_text_say_so():
    outcomes = {each.id: str(each.title) for each in protocol(LIEGE).outcomes}
    assert list(outcomes) == ["L-P1", "L-P2", "L-P3", "L-P4", "L-S1"]
    assert [id for id, title in outcomes.items() if "ask the sponsor" in title] == ["L-P3", "L-P4"]
    assert [each.id for each in protocol(COVID_MSV).outcomes] == [
        "M-P1", "M-P2", "M-S1", "M-S2", "M-S3", "M-S4", "M-S5", "M-S6",
    ]  # fmt: skip


@pytest.mark.parametrize("slug", BOTH)
def test_what_has_no_source_is_marked_as_a_proposal(slug):
    text = path_of(slug).read_text(encoding="utf-8")
    assert text.count("proposal:") >= 10
    assert text.count("source:") >= 10


def test_the_third_trial_shares_no_form_with_the_shipped_ones():
    """A trial is a file: other forms, strata, anchors and logs, no code."""
    third = protocol(THIRD)
    assert not set(third.forms) & {code for slug in BOTH for code in protocol(slug).forms}
    assert len(third.allocation.strata) == 2
    assert {visit.anchor for visit in third.visits} == {"screening", "inclusion", "infusion_1", "infusion_2"}
