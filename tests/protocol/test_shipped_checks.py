"""Every edit check of the shipped trials fires on one example, does not fire on another, and has an exact boundary.

The examples of every check are derived from the file itself (`tests.support.protocols.check_examples`); the other
ones state what the sources mean. A row is: form, check, values of the form (a path with a point belongs to another
form; `previous` is the record before this one), and whether the check fires. Values are in stored form.
"""

from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from protocol.values.parsing import limit_findings
from tests.support.protocols.check_examples import Examples
from tests.support.protocols.shipped import COVID_MSV, LIEGE, fired, protocol

SUBJECT = {
    "subject.screened_on": "2021-03-14",
    "subject.first_consent_at": "2021-03-14T10:00+01:00[Europe/Brussels]",
    "subject.inclusion_on": "2021-03-15",
}


def clock(day: int, time: str) -> str:
    """Return a stored moment in March 2021, winter time."""
    return f"2021-03-{day:02}T{time}+01:00[Europe/Brussels]"


def series(sbp: str, dbp: str) -> list[dict[str, str]]:
    """Return two rows of infusion monitoring, the second as given."""
    return [{"time_point": "START", "sbp": "120", "dbp": "70"}, {"time_point": "END", "sbp": sbp, "dbp": dbp}]


def episode(kind: str, day: int, time: str = "08:00", *, until: int | None = None) -> dict[str, Any]:
    """Return a log with one episode of support, still going on or ended at eight."""
    end = {"ongoing": "Y"} if until is None else {"ongoing": "N", "ended_at": clock(until, "08:00")}
    return {"logs.support_episode": [{"kind": kind, "started_at": clock(day, time), **end}]}


Row = tuple[str, str, dict[str, Any], bool]
EIGHT, BEFORE_EIGHT = clock(16, "08:00"), clock(16, "07:59")
SIGNS_AT_EIGHT = {"previous": {"measured_at": EIGHT}}
SAMPLE_AT_EIGHT = {"previous": {"sampled_at": EIGHT}}
SEEN_ON_22 = {"previous": {"last_contact_on": "2021-03-22"}}
ONSET = {"symptom_onset_on": "2021-03-02"}
NO_OTHERS = {"lymphocytes": "0", "monocytes": "0", "eosinophils": "0", "basophils": "0"}
OPEN_IMV = {"logs.support_episode": [{"kind": "IMV", "ongoing": "Y"}]}
AT_NOON = {"assessed_at": clock(14, "12:00")}
ICU_ON_13 = {
    "logs.stay": [
        {"kind": "HOSPITAL", "started_at": clock(10, "09:00")},
        {"kind": "ICU", "started_at": clock(13, "08:00")},
    ]
}
ICU_STAY = {"logs.stay": [{"kind": "ICU", "started_at": clock(13, "08:00"), "ongoing": "Y"}]}
ASSESSED = {"assessed_at": clock(14, "10:00")}
INFUSED_ON_16 = {"visit.code": "INF1", "visit.on": "2021-03-16"}
DAY_7_ON_16 = {"visit.code": "D7", "visit.on": "2021-03-16"}

BOTH: list[Row] = [
    ("medical_history", "MH01", {"hospital_admitted_on": "2021-03-01"} | ONSET, True),
    ("medical_history", "MH01", {"hospital_admitted_on": "2021-03-02"} | ONSET, False),
    ("medical_history", "MH01", {"hospital_admitted_on": "2021-03-02", "symptom_onset_on": "2021-03"}, False),
    ("medical_history", "MH01", {"hospital_admitted_on": "2021-03-02", "symptom_onset_on": "2021-04"}, True),
    ("medical_history", "MH02", {"diagnosed_on": "2021-03-15"}, True),
    ("medical_history", "MH02", {"diagnosed_on": "2021-03-14"}, False),
    ("medical_history", "MH03", {"symptom_onset_on": "2021-03-15"}, True),
    ("medical_history", "MH03", {"symptom_onset_on": "2021-03-14"}, False),
    ("medical_history", "MH03", {"symptom_onset_on": "2021-03"}, False),
    ("pregnancy_test", "PT01", {"test_on": "2021-03-06"}, True),
    ("pregnancy_test", "PT01", {"test_on": "2021-03-07"}, False),
    ("vitals", "VS01", {"sbp": "80", "dbp": "81"}, True),
    ("vitals", "VS01", {"sbp": "80", "dbp": "80"}, True),
    ("vitals", "VS01", {"sbp": "81", "dbp": "80"}, False),
    ("vitals", "VS01", {"sbp": "81", "dbp": {"missing": "ND"}}, False),
    ("vitals", "VS02", {"sbp": "120", "dbp": "60", "map_measured": "120"}, True),
    ("vitals", "VS02", {"sbp": "120", "dbp": "60", "map_measured": "119"}, False),
    ("vitals", "VS02", {"sbp": "120", "dbp": "60", "map_measured": "61"}, False),
    ("vitals", "VS02", {"sbp": "120", "dbp": "60", "map_measured": "60"}, True),
    ("vitals", "VS03", {"weight": "77.1", "demography.weight": "70"}, True),
    ("vitals", "VS03", {"weight": "77.0", "demography.weight": "70"}, False),
    ("vitals", "VS03", {"weight": "63", "demography.weight": "70"}, False),
    ("vitals", "VS03", {"weight": "62.9", "demography.weight": "70"}, True),
    ("vitals", "VS04", {"measured_at": BEFORE_EIGHT} | SIGNS_AT_EIGHT, True),
    ("vitals", "VS04", {"measured_at": EIGHT} | SIGNS_AT_EIGHT, False),
    ("vitals", "VS04", {"measured_at": clock(16, "08:00")}, False),
    ("respiratory_support", "RE01", {"support": "AIR", "fio2": "22"}, True),
    ("respiratory_support", "RE01", {"support": "AIR", "fio2": "21"}, False),
    ("respiratory_support", "RE01", {"support": "IMV", "fio2": "40"}, False),
    ("respiratory_support", "RE02", {"support": "LOW_FLOW", "fio2": "21"}, True),
    ("respiratory_support", "RE02", {"support": "LOW_FLOW", "fio2": "22"}, False),
    ("respiratory_support", "RE02", {"support": "IMV", "fio2": "21"}, False),
    ("respiratory_support", "RE03", {"support": "LOW_FLOW", "o2_flow": "15.1"}, True),
    ("respiratory_support", "RE03", {"support": "LOW_FLOW", "o2_flow": "15"}, False),
    ("respiratory_support", "RE03", {"support": "HIGH_FLOW", "o2_flow": "60"}, False),
    ("respiratory_support", "RE04", {"ecmo": "Y", "support": "AIR"}, True),
    ("respiratory_support", "RE04", {"ecmo": "Y", "support": "IMV"}, False),
    ("respiratory_support", "RE05", AT_NOON | {"support": "NIV"} | episode("IMV", 13), True),
    ("respiratory_support", "RE05", AT_NOON | {"support": "NIV"} | episode("IMV", 14, "12:01"), False),
    ("respiratory_support", "RE05", AT_NOON | {"support": "NIV"} | episode("IMV", 12, until=13), False),
    ("respiratory_support", "RE05", AT_NOON | {"support": "NIV"} | episode("NIV", 13), False),
    ("respiratory_support", "RE05", AT_NOON | {"support": "IMV"} | episode("IMV", 13), False),
    ("respiratory_support", "RE06", AT_NOON | {"support": "IMV"} | episode("IMV", 12, until=13), True),
    ("respiratory_support", "RE06", AT_NOON | {"support": "IMV"} | episode("IMV", 13), False),
    ("respiratory_support", "RE06", AT_NOON | {"support": "IMV"} | episode("IMV", 13, until=15), False),
    ("respiratory_support", "RE06", AT_NOON | {"support": "IMV", "logs.support_episode": []}, False),
    ("respiratory_support", "RE07", AT_NOON | {"ecmo": "N"} | episode("ECMO", 13), True),
    ("respiratory_support", "RE07", AT_NOON | {"ecmo": "Y"} | episode("ECMO", 13), False),
    ("respiratory_support", "RE07", AT_NOON | {"ecmo": "N"} | episode("ECMO", 12, until=13), False),
    ("blood_gas", "BG01", {"pao2": "147.1", "fio2": "21"}, True),
    ("blood_gas", "BG01", {"pao2": "147", "fio2": "21"}, False),
    # 0.0307 × 40 × 10^(7.4 − 6.1) = 24.5
    ("blood_gas", "BG02", {"ph": "7.4", "paco2": "40", "bicarbonate": "24.5"}, False),
    ("blood_gas", "BG02", {"ph": "7.4", "paco2": "40", "bicarbonate": "28.4"}, False),
    ("blood_gas", "BG02", {"ph": "7.4", "paco2": "40", "bicarbonate": "28.6"}, True),
    ("blood_gas", "BG03", {"respiratory_support.support": "AIR", "fio2": "40"}, True),
    ("blood_gas", "BG03", {"respiratory_support.support": "AIR", "fio2": "21"}, False),
    ("blood_gas", "BG06", INFUSED_ON_16 | {"sampled_at": clock(17, "08:00")}, True),
    ("blood_gas", "BG06", INFUSED_ON_16 | {"sampled_at": clock(16, "20:00")}, False),
    ("blood_gas", "BG06", INFUSED_ON_16 | {"sampled_at": clock(15, "00:00")}, False),
    ("blood_gas", "BG06", INFUSED_ON_16 | {"sampled_at": clock(14, "23:59")}, True),
    ("blood_gas", "BG06", DAY_7_ON_16 | {"sampled_at": clock(17, "08:00")}, False),
    ("respiratory_support", "RE08", {"plateau": "10", "peep": "10"}, True),
    ("respiratory_support", "RE08", {"plateau": "10.1", "peep": "10"}, False),
    # CD4 and CD8 may exceed CD3 by 5 %
    ("lymphocyte_subsets", "LS01", {"cd3": "1000", "cd4": "650", "cd8": "400"}, False),
    ("lymphocyte_subsets", "LS01", {"cd3": "1000", "cd4": "650", "cd8": "400.1"}, True),
    ("lymphocyte_subsets", "LS03", {"cd3_percent": "70", "cd19_percent": "15", "nk_percent": "10"}, False),
    ("lymphocyte_subsets", "LS03", {"cd3_percent": "70", "cd19_percent": "15", "nk_percent": "9.9"}, True),
    ("lymphocyte_subsets", "LS03", {"cd3_percent": "70", "cd19_percent": "15", "nk_percent": "20"}, False),
    ("lymphocyte_subsets", "LS03", {"cd3_percent": "70", "cd19_percent": "15", "nk_percent": "20.1"}, True),
    ("lymphocyte_subsets", "LS04", {"cd4": "600", "cd8": "400", "ratio_reported": "1.5"}, False),
    ("lymphocyte_subsets", "LS04", {"cd4": "600", "cd8": "400", "ratio_reported": "1.6"}, True),
    ("support_episode", "SE02", {"ongoing": "Y", "vital_status.survival_status": "DEAD"}, True),
    ("support_episode", "SE02", {"ongoing": "N", "vital_status.survival_status": "DEAD"}, False),
    ("support_episode", "SE03", {"ended_at": clock(21, "00:00"), "vital_status.died_on": "2021-03-20"}, True),
    (
        "support_episode",
        "SE03",
        {"ended_at": clock(20, "23:59"), "vital_status.died_on": "2021-03-20"},
        False,
    ),
    ("support_episode", "SE04", {"kind": "IMV", "ongoing": "Y"} | OPEN_IMV, True),
    ("support_episode", "SE04", {"kind": "NIV", "ongoing": "Y"} | OPEN_IMV, False),
    ("vital_status", "ST07", {"survival_status": "DEAD"} | OPEN_IMV, True),
    ("vital_status", "ST07", {"survival_status": "ALIVE"} | OPEN_IMV, False),
    ("medication", "CM03", {"ongoing": "Y", "vital_status.survival_status": "DEAD"}, True),
    ("medication", "CM03", {"ongoing": "Y", "vital_status.survival_status": "ALIVE"}, False),
    ("haematology", "HE01", {"wbc": "7.0", "neutrophils": "6.0", "lymphocytes": "1.02"}, True),
    ("haematology", "HE01", {"wbc": "7.0", "neutrophils": "6.0", "lymphocytes": "1.0"}, False),
    ("haematology", "HE01", {"wbc": "0.3", "neutrophils": "0.1", "lymphocytes": "0.2"}, False),
    ("haematology", "HE02", {"wbc": "7.0", "neutrophils": "7.02"}, True),
    ("haematology", "HE02", {"wbc": "7.0", "neutrophils": "7.01"} | NO_OTHERS, False),
    ("haematology", "HE02", {"wbc": "7.0", "eosinophils": "8"}, True),
    ("haematology", "HE03", {"sampled_at": clock(14, "09:59")}, True),
    ("haematology", "HE03", {"sampled_at": clock(14, "10:00")}, False),
    ("haematology", "HE04", {"sampled_at": BEFORE_EIGHT} | SAMPLE_AT_EIGHT, True),
    ("haematology", "HE04", {"sampled_at": EIGHT} | SAMPLE_AT_EIGHT, False),
    ("biochemistry", "BC01", {"sampled_at": clock(14, "09:59")}, True),
    ("biochemistry", "BC01", {"sampled_at": clock(14, "10:00")}, False),
    ("biochemistry", "BC01", {"sampled_at": "2021-03-14"}, False),
    ("biochemistry", "BC02", {"sampled_at": BEFORE_EIGHT} | SAMPLE_AT_EIGHT, True),
    ("biochemistry", "BC02", {"sampled_at": EIGHT} | SAMPLE_AT_EIGHT, False),
    ("biochemistry", "BC03", {"sodium": "4.1", "potassium": "140"}, True),
    ("biochemistry", "BC03", {"sodium": "90", "potassium": "90"}, True),
    ("biochemistry", "BC03", {"sodium": "140", "potassium": "4.1"}, False),
    ("infusion_monitoring", "IM01", {"intubation": "Y"}, True),
    ("infusion_monitoring", "IM01", {"intubation": "N"}, False),
    ("infusion_monitoring", "IM02", {"series": series("70", "70")}, True),
    ("infusion_monitoring", "IM02", {"series": series("71", "70")}, False),
    ("infusion_monitoring", "IM03", {"series": series("89", "45")}, True),
    ("infusion_monitoring", "IM03", {"series": series("90", "45")}, False),
    ("infusion_monitoring", "IM04", {"series": [*series("90", "45"), {"time_point": "END"}]}, True),
    ("infusion_monitoring", "IM04", {"series": [*series("90", "45"), {"time_point": "END30"}]}, False),
    ("infusion_monitoring", "IM04", {"series": [*series("90", "45"), {"hr": "80"}]}, False),
    ("vital_status", "ST01", {"died_on": "2021-03-14"}, True),
    ("vital_status", "ST01", {"died_on": "2021-03-15"}, False),
    ("vital_status", "ST02", {"last_contact_on": "2021-03-14"}, True),
    ("vital_status", "ST02", {"last_contact_on": "2021-03-15"}, False),
    ("vital_status", "ST03", {"survival_status": "ALIVE", "previous": {"survival_status": "DEAD"}}, True),
    ("vital_status", "ST03", {"survival_status": "UNKNOWN", "previous": {"survival_status": "DEAD"}}, True),
    ("vital_status", "ST03", {"survival_status": "DEAD", "previous": {"survival_status": "DEAD"}}, False),
    ("vital_status", "ST03", {"survival_status": "ALIVE"}, False),
    ("vital_status", "ST04", {"last_contact_on": "2021-03-21"} | SEEN_ON_22, True),
    ("vital_status", "ST04", {"last_contact_on": "2021-03-22"} | SEEN_ON_22, False),
    ("vital_status", "ST05", {"died_on": "2021-03-21"} | SEEN_ON_22, True),
    ("vital_status", "ST05", {"died_on": "2021-03-22"} | SEEN_ON_22, False),
    ("vital_status", "ST06", {"oxygen_at_home": "Y"}, True),
    ("vital_status", "ST06", {"oxygen_at_home": "N"}, False),
    ("medication", "CM01", {"started_on": "2021-03-10", "ended_on": "2021-03-09"}, True),
    ("medication", "CM01", {"started_on": "2021-03-10", "ended_on": "2021-03-10"}, False),
    ("medication", "CM01", {"started_on": "2021-03-10", "ended_on": "2021-03"}, False),
    ("medication", "CM01", {"started_on": "2021-03-10", "ended_on": "2021-02"}, True),
    ("medication", "CM02", {"category": "STEROID", "started_on": "2021-02-11"}, True),
    ("medication", "CM02", {"category": "STEROID", "started_on": "2021-02-12"}, False),
    ("medication", "CM02", {"category": "ANTIVIRAL", "started_on": "2021-02-11"}, False),
    ("eligibility", "EL01", {"first_procedure_at": clock(14, "09:59")}, True),
    ("eligibility", "EL01", {"first_procedure_at": clock(14, "10:00")}, False),
]

LIEGE_ONLY: list[Row] = [
    ("demography", "DM01", {"age": "17"}, True),
    ("demography", "DM01", {"age": "18"}, False),
    ("demography", "DM01", {"age": "70"}, False),
    ("demography", "DM01", {"age": "71"}, True),
    ("eligibility", "EL02", ASSESSED | {"chest_imaging.ct_on": "2021-03-15"}, True),
    ("eligibility", "EL02", ASSESSED | {"chest_imaging.ct_on": "2021-03-14"}, False),
    ("eligibility", "EL03", ASSESSED | {"virology.pcr_on": "2021-03-15"}, True),
    ("eligibility", "EL03", ASSESSED | {"virology.pcr_on": "2021-03-14"}, False),
    ("eligibility", "EL04", ASSESSED | {"imv_started_at": clock(14, "10:01")}, True),
    ("eligibility", "EL04", ASSESSED | {"imv_started_at": clock(14, "10:00")}, False),
    ("eligibility", "EL05", {"respiratory_support.support": "IMV", "ward": "STANDARD"}, True),
    ("eligibility", "EL05", {"respiratory_support.support": "IMV", "ward": "ICU"}, False),
    (
        "eligibility",
        "EL06",
        {"respiratory_support.support": "NIV", "spo2_not_measured_reason": "VENTILATED"},
        True,
    ),
    (
        "eligibility",
        "EL06",
        {"respiratory_support.support": "IMV", "spo2_not_measured_reason": "VENTILATED"},
        False,
    ),
    ("eligibility", "EL07", {"respiratory_support.support": "IMV", "spo2_measured": "Y"}, True),
    ("eligibility", "EL07", {"respiratory_support.support": "IMV", "spo2_measured": "N"}, False),
    ("eligibility", "EL08", ASSESSED | {"malignancy_on": "2021-04"}, True),
    ("eligibility", "EL08", ASSESSED | {"malignancy_on": "2021-03"}, False),
    ("eligibility", "EL09", {"imv_started_at": clock(13, "20:00")} | episode("IMV", 13), False),
    ("eligibility", "EL09", {"imv_started_at": clock(12, "20:00")} | episode("IMV", 13), True),
    ("eligibility", "EL09", {"imv_started_at": clock(12, "20:00")} | episode("NIV", 13), False),
    ("eligibility", "EL10", ASSESSED | ICU_STAY | {"ward": "STANDARD"}, True),
    ("eligibility", "EL10", ASSESSED | ICU_STAY | {"ward": "ICU"}, False),
    ("eligibility", "EL10", {"assessed_at": clock(13, "07:59")} | ICU_STAY | {"ward": "STANDARD"}, False),
    ("eligibility", "EL11", {"oxygen_required": "N", "respiratory_support.support": "LOW_FLOW"}, True),
    ("eligibility", "EL11", {"oxygen_required": "Y", "respiratory_support.support": "AIR"}, True),
    ("eligibility", "EL11", {"oxygen_required": "Y", "respiratory_support.support": "IMV"}, False),
    ("eligibility", "EL11", {"oxygen_required": "Y"}, False),
    ("sars_cov_2_confirmation", "SC01", {"pcr_on": "2021-03-15"}, True),
    ("sars_cov_2_confirmation", "SC01", {"pcr_on": "2021-03-16"}, False),
    ("sars_cov_2_confirmation", "SC02", {"pcr_on": "2021-03-30"}, True),
    ("sars_cov_2_confirmation", "SC02", {"pcr_on": "2021-03-29"}, False),
    ("sars_cov_2_confirmation", "SC03", {"serology_on": "2021-03-15"}, True),
    ("sars_cov_2_confirmation", "SC03", {"serology_on": "2021-03-30"}, True),
    ("sars_cov_2_confirmation", "SC03", {"serology_on": "2021-03-29"}, False),
]

COVID_MSV_ONLY: list[Row] = [
    ("demography", "DM01", {"age": "17"}, True),
    ("demography", "DM01", {"age": "18"}, False),
    ("demography", "DM02", {"age": "65"}, True),
    ("demography", "DM02", {"age": "64"}, False),
    ("eligibility", "EL02", ASSESSED | {"icu_admitted_at": clock(14, "10:01")}, True),
    ("eligibility", "EL02", ASSESSED | {"icu_admitted_at": clock(14, "10:00")}, False),
    ("eligibility", "EL03", ASSESSED | {"virology.pcr_on": "2021-03-15"}, True),
    ("eligibility", "EL03", ASSESSED | {"virology.pcr_on": "2021-03-14"}, False),
    ("eligibility", "EL04", {"consent_signed": "Y", "assessed_at": clock(14, "09:59")}, True),
    ("eligibility", "EL04", {"consent_signed": "Y", "assessed_at": clock(14, "10:00")}, False),
    ("eligibility", "EL05", {"icu_admitted_at": clock(14, "08:00")} | ICU_ON_13, True),
    ("eligibility", "EL05", {"icu_admitted_at": clock(13, "22:00")} | ICU_ON_13, False),
    ("eligibility", "EL05", {"icu_admitted_at": clock(14, "08:00"), "logs.stay": []}, False),
]

CASES = [
    *((slug, *row) for slug in (LIEGE, COVID_MSV) for row in BOTH),
    *((LIEGE, *row) for row in LIEGE_ONLY),
    *((COVID_MSV, *row) for row in COVID_MSV_ONLY),
]


@pytest.mark.parametrize(("slug", "form", "check", "answers", "fires"), CASES)
def test_a_check_fires_when_and_only_when_it_should(slug, form, check, answers, fires):
    """DAT-03: one that fires, one that does not, one on the boundary."""
    answers = dict(answers)
    earlier = answers.pop("previous", {})
    known = SUBJECT | {path if "." in path else f"{form}.{path}": value for path, value in answers.items()}
    assert (check in fired(slug, form, known, earlier)) is fires


@cache
def examples(slug: str, form: str, check: str) -> Examples:
    """Return values that violate a check and values that do not."""
    rules = protocol(slug)
    declared = rules.form(form)
    return Examples(rules, declared, next(each for each in declared.checks if each.id == check))


CHECKS = [
    pytest.param(slug, form.code, check.id, id=f"{slug}-{check.id}")
    for slug in (LIEGE, COVID_MSV)
    for form in protocol(slug).forms.values()
    for check in form.checks
]


@pytest.mark.parametrize(("slug", "form", "check"), CHECKS)
def test_every_check_can_be_violated_and_kept_and_has_a_boundary(slug, form, check):
    """DAT-03: a passing, a failing and a boundary case of each, found from the file itself."""
    found = examples(slug, form, check)
    assert found.failing is not None, "nothing that can be entered violates it"
    assert found.passing is not None, "nothing that can be entered keeps it"
    fails, keeps = found.boundary
    assert found.violated(found.failing) is True
    assert found.violated(found.passing) is False
    assert (found.violated(fails), found.violated(keeps)) in {(True, False), (True, None)}
    changed = [path for path in fails if fails[path] != keeps[path]]
    assert len(changed) == 1
    (read,) = [read for read in found.reads if read.path == changed[0]]
    assert not read.is_ordered or abs(fails[read.path] - keeps[read.path]) == 1


@pytest.mark.parametrize(("slug", "form", "check"), CHECKS)
def test_a_missing_value_never_turns_a_check_round(slug, form, check):
    """DAT-02: without one of its values, a violated check stays violated or is undetermined; a kept one too."""
    found = examples(slug, form, check)
    for places, answer in ((found.failing, True), (found.passing, False)):
        for path in places:
            rest = {name: place for name, place in places.items() if name != path}
            assert found.violated(rest) in {answer, None}


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV])
def test_the_limits_of_every_item_hold_to_the_last_digit(slug):
    """DAT-03: the limit itself is accepted, one step beyond it is reported."""
    count = 0
    for form in protocol(slug).forms.values():
        for item in (each for one in form.items for each in (one, *one.columns)):
            step = Decimal(1).scaleb(-(2 if item.decimal_places is None else item.decimal_places))
            for severity, limits in (("hard", item.hard), ("soft", item.soft)):
                for limit, beyond in (
                    () if limits is None else ((limits.lowest, -step), (limits.highest, step))
                ):
                    at, past = (limit_findings(format(value, "f"), item) for value in (limit, limit + beyond))
                    assert severity not in {each.severity for each in at}, item.name
                    assert [each.severity for each in past] in (["hard"], [severity]), item.name
                    count += 1
    assert count > 200


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV])
def test_an_empty_form_fires_nothing(slug):
    """DAT-02: blank is undetermined, never wrong."""
    for form in protocol(slug).forms:
        assert fired(slug, form, SUBJECT) == set()
        assert fired(slug, form, {}) == set()
