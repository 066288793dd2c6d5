"""Every eligibility criterion of the shipped trials: an example that meets it, one that does not, one that
leaves it open, and the boundaries. Values are written as they are stored."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.protocols.shipped import COVID_MSV, LIEGE, criterion, definition, group, protocol

INCLUDED = date(2021, 3, 15)
MET, NOT_MET, OPEN = True, False, None
PRESENT, ABSENT = True, False
NOTHING: dict[str, Any] = {}


def day(before_inclusion: int) -> str:
    """Return the date `before_inclusion` days before inclusion (negative: after)."""
    return (INCLUDED - timedelta(days=before_inclusion)).isoformat()


def moment(before_inclusion: int, clock: str = "10:00", zone: str = "Europe/Brussels") -> str:
    """Return a stored moment in winter time."""
    return f"{day(before_inclusion)}T{clock}+01:00[{zone}]"


def facts(*parts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return stored values by path; `form__item=None` blanks one, `subject__…` is known of the patient."""
    merged: dict[str, Any] = {"subject.inclusion_on": INCLUDED.isoformat(), "subject.screened_on": day(1)}
    for part in parts:
        merged |= part
    merged |= {path.replace("__", "."): value for path, value in changes.items()}
    return {path: value for path, value in merged.items() if value is not None}


SCAN = {
    "eligibility.ct_interstitial": "Y",
    "eligibility.ct_viral": "Y",
    "chest_imaging.ct_done": "Y",
    "chest_imaging.ct_on": day(2),
}
PCR = {"virology.pcr_result": "POS", "virology.pcr_on": day(3)}
NO_PCR = {"virology.pcr_result": "NEG", "virology.pcr_on": day(3)}
LATER_PCR = {"sars_cov_2_confirmation.pcr_result": "POS", "sars_cov_2_confirmation.pcr_on": day(-5)}
LATER_NEGATIVE = LATER_PCR | {"sars_cov_2_confirmation.pcr_result": "NEG"}
SEROLOGY = {
    "sars_cov_2_confirmation.serology_result": "POS",
    "sars_cov_2_confirmation.serology_on": day(-14),
}
SEROLOGY_NEGATIVE = SEROLOGY | {"sars_cov_2_confirmation.serology_result": "NEG"}
ON_AIR = {
    "eligibility.oxygen_required": "Y",
    "eligibility.spo2_measured": "Y",
    "eligibility.spo2_room_air": "90",
}
NOT_ON_AIR = {
    "eligibility.oxygen_required": "Y",
    "eligibility.spo2_measured": "N",
    "eligibility.spo2_not_measured_reason": "VENTILATED",
}
OXYGEN = {
    "eligibility.oxygen_required": "Y",
    "respiratory_support.support": "LOW_FLOW",
    "eligibility.ward": "STANDARD",
}
TUBE = {
    "eligibility.oxygen_required": "Y",
    "respiratory_support.support": "IMV",
    "eligibility.ward": "ICU",
    "eligibility.imv_started_at": moment(3),
}
CALM = {
    "eligibility.ferritin": "600",
    "eligibility.ferritin_24h": "650",
    "eligibility.crp": "50",
    "eligibility.crp_24h": "60",
    "eligibility.lymphocytes": "1.2",
    "eligibility.ldh": "250",
    "eligibility.ddimer_kind": "FEU",
    "eligibility.ddimer_feu": "800",
    "eligibility.superinfection_explains": "N",
}
FEW_LYMPHOCYTES = CALM | {"eligibility.lymphocytes": "0.79"}
DDU = {"eligibility.ddimer_kind": "DDU", "eligibility.ddimer_feu": None}
INFLAMED = CALM | {"eligibility.ferritin": "2001"}
CONSENT = {
    "subject.first_consent_at": moment(1, "10:00"),
    "subject.first_consent_type": "patient",
    "eligibility.patient_can_consent": "Y",
    "eligibility.study_procedure_done": "N",
}
BY_REPRESENTATIVE = CONSENT | {
    "subject.first_consent_type": "legal_representative",
    "eligibility.patient_can_consent": "N",
    "eligibility.representative_available": "Y",
}
BY_WITNESS = CONSENT | {
    "subject.first_consent_type": "impartial_witness",
    "eligibility.patient_can_consent": "N",
    "eligibility.representative_available": "N",
    "eligibility.witness_is": "PHYSICIAN",
}
PROCEDURE = {"eligibility.study_procedure_done": "Y", "eligibility.first_procedure_at": moment(1, "10:00")}
FERTILE = {
    "demography.sex": "F",
    "pregnancy_test.childbearing_potential": "Y",
    "pregnancy_test.result": "NEG",
    "pregnancy_test.contraception": "Y",
}
CANCER = {
    "eligibility.malignancy": "Y",
    "eligibility.only_skin_carcinoma": "N",
    "eligibility.malignancy_on": "2020-01-10",
}


def exclusion(id: str, item: str, form: str = "eligibility") -> list[tuple[str, dict[str, Any], bool | None]]:
    """Return the cases of an exclusion that is one yes/no item: yes, no, blank and unknown."""
    path = f"{form}.{item}"
    return [
        (id, facts({path: "Y"}), PRESENT),
        (id, facts({path: "N"}), ABSENT),
        (id, facts(), OPEN),
        (id, facts({path: {"missing": "UNK"}}), OPEN),
    ]


LIEGE_CASES = [
    ("I1", facts(demography__age="17"), NOT_MET),
    ("I1", facts(demography__age="18"), MET),
    ("I1", facts(demography__age="70"), MET),
    ("I1", facts(demography__age="71"), NOT_MET),
    ("I1", facts(), OPEN),
    ("I2a", facts(SCAN), MET),
    ("I2a", facts(SCAN, chest_imaging__ct_on=day(10)), MET),
    ("I2a", facts(SCAN, chest_imaging__ct_on=day(11)), NOT_MET),
    ("I2a", facts(SCAN, chest_imaging__ct_on=day(0)), MET),
    ("I2a", facts(SCAN, chest_imaging__ct_on=day(-1)), NOT_MET),
    ("I2a", facts(SCAN, eligibility__ct_viral="N"), NOT_MET),
    ("I2a", facts(SCAN, chest_imaging__ct_on=None, eligibility__ct_interstitial="N"), NOT_MET),
    ("I2a", facts(SCAN, chest_imaging__ct_on=None), OPEN),
    ("I2b", facts(PCR), MET),
    ("I2b", facts(PCR, virology__pcr_on=day(14)), MET),
    ("I2b", facts(PCR, virology__pcr_on=day(0)), MET),
    ("I2b", facts(PCR, LATER_NEGATIVE, SEROLOGY_NEGATIVE, virology__pcr_on=day(15)), NOT_MET),
    ("I2b", facts(), OPEN),
    ("I2b", facts(NO_PCR), OPEN),
    ("I2b", facts(NO_PCR, LATER_NEGATIVE), OPEN),
    ("I2b", facts(NO_PCR, LATER_PCR), MET),
    ("I2b", facts(NO_PCR, SEROLOGY), MET),
    ("I2b", facts(NO_PCR, LATER_NEGATIVE, SEROLOGY_NEGATIVE), NOT_MET),
    (
        "I2b",
        facts(NO_PCR, SEROLOGY_NEGATIVE, LATER_PCR, sars_cov_2_confirmation__pcr_on=day(-15)),
        NOT_MET,
    ),
    ("I3", facts(ON_AIR, eligibility__spo2_room_air="93"), MET),
    ("I3", facts(ON_AIR, eligibility__spo2_room_air="94"), NOT_MET),
    ("I3", facts(ON_AIR, eligibility__oxygen_required="N"), NOT_MET),
    ("I3", facts(ON_AIR, eligibility__spo2_room_air=None), OPEN),
    ("I3", facts(NOT_ON_AIR), MET),
    ("I3", facts(NOT_ON_AIR, eligibility__spo2_not_measured_reason="UNSAFE"), MET),
    ("I3", facts(NOT_ON_AIR, eligibility__spo2_not_measured_reason="OTHER"), NOT_MET),
    ("I3", facts(), OPEN),
    ("I4", facts(OXYGEN), MET),
    ("I4", facts(OXYGEN, eligibility__ward="OTHER"), NOT_MET),
    ("I4", facts(TUBE, eligibility__imv_started_at=moment(7)), MET),
    ("I4", facts(TUBE, CALM, eligibility__imv_started_at=moment(8)), NOT_MET),
    ("I4", facts(TUBE, eligibility__imv_started_at=moment(8)), OPEN),
    ("I5", facts(CONSENT), MET),
    ("I5", facts(CONSENT, subject__first_consent_at=moment(0, "23:00")), MET),
    ("I5", facts(CONSENT, subject__first_consent_at=moment(-1)), NOT_MET),
    ("I5", facts(CONSENT, eligibility__patient_can_consent="N"), NOT_MET),
    ("I5", facts(CONSENT, eligibility__patient_can_consent=None), OPEN),
    ("I5", facts(CONSENT, PROCEDURE), MET),
    ("I5", facts(CONSENT, PROCEDURE, subject__first_consent_at=moment(1, "10:01")), NOT_MET),
    ("I5", facts(BY_REPRESENTATIVE), MET),
    ("I5", facts(BY_REPRESENTATIVE, eligibility__patient_can_consent="Y"), NOT_MET),
    ("I5", facts(BY_WITNESS), MET),
    ("I5", facts(BY_WITNESS, eligibility__witness_is="ETHICS"), MET),
    ("I5", facts(BY_WITNESS, eligibility__witness_is="OTHER"), NOT_MET),
    ("I5", facts(BY_WITNESS, eligibility__witness_is=None), OPEN),
    ("I5", facts(BY_WITNESS, eligibility__representative_available="Y"), NOT_MET),
    ("I5", facts(), OPEN),
    ("E1", facts(demography__sex="M"), ABSENT),
    ("E1", facts(FERTILE), ABSENT),
    ("E1", facts(FERTILE, pregnancy_test__result="POS"), PRESENT),
    ("E1", facts(FERTILE, pregnancy_test__contraception="N"), PRESENT),
    ("E1", facts(FERTILE, pregnancy_test__result=None), OPEN),
    ("E1", facts(demography__sex="F", pregnancy_test__childbearing_potential="N"), ABSENT),
    ("E1", facts(demography__sex="F"), OPEN),
    ("E6", facts(eligibility__bone_marrow_transplant="N", eligibility__immunosuppressed_before="Y"), PRESENT),
    ("E6", facts(eligibility__bone_marrow_transplant="Y"), PRESENT),
    ("E6", facts(eligibility__bone_marrow_transplant="N", eligibility__immunosuppressed_before="N"), ABSENT),
    ("E6", facts(eligibility__bone_marrow_transplant="N"), OPEN),
    ("E8", facts(eligibility__malignancy="N"), ABSENT),
    ("E8", facts(CANCER), PRESENT),
    ("E8", facts(CANCER, eligibility__malignancy_on="2019-03-15"), PRESENT),
    ("E8", facts(CANCER, eligibility__malignancy_on="2019-03-14"), ABSENT),
    ("E8", facts(CANCER, eligibility__malignancy_on="2019-03-16"), PRESENT),
    ("E8", facts(CANCER, eligibility__malignancy_on="2019-03"), OPEN),
    ("E8", facts(CANCER, eligibility__malignancy_on="2019-04"), PRESENT),
    ("E8", facts(CANCER, eligibility__malignancy_on="2018"), ABSENT),
    ("E8", facts(CANCER, eligibility__malignancy_on="2020"), PRESENT),
    ("E8", facts(CANCER, eligibility__only_skin_carcinoma="Y", eligibility__malignancy_on=None), ABSENT),
    ("E8", facts(CANCER, eligibility__malignancy_on=None), OPEN),
    *exclusion("E2", "ecmo", "respiratory_support"),
    *exclusion("E3", "care_limited"),
    *exclusion("E4", "life_expectancy_24h"),
    *exclusion("E5", "allergy_to_product"),
    *exclusion("E7", "secondary_infection"),
    *exclusion("E9", "thromboembolic_disease"),
    *exclusion("E10", "compliance_risk"),
    *exclusion("E11", "safety_risk"),
    *exclusion("E12", "other_trial"),
]

NEITHER = "no group"
GROUP_CASES = [
    (facts(OXYGEN), "A"),
    (facts(OXYGEN, eligibility__ward="ICU"), "A"),
    (facts(OXYGEN, eligibility__oxygen_required="N"), NEITHER),
    (facts(OXYGEN, eligibility__ward="OTHER"), NEITHER),
    (facts(OXYGEN, eligibility__ward=None), OPEN),
    (facts(TUBE), "B"),
    (facts(TUBE, eligibility__ward="STANDARD"), NEITHER),
    (facts(TUBE, eligibility__imv_started_at=moment(0)), "B"),
    (facts(TUBE, eligibility__imv_started_at=moment(-1)), NEITHER),
    (facts(TUBE, eligibility__imv_started_at=moment(7, "23:59")), "B"),
    (facts(TUBE, CALM, eligibility__imv_started_at=moment(7)), "B"),
    (facts(TUBE, CALM, eligibility__imv_started_at=moment(8)), NEITHER),
    (facts(TUBE, INFLAMED, eligibility__imv_started_at=moment(8)), "B"),
    (facts(TUBE, INFLAMED, eligibility__imv_started_at=moment(14)), "B"),
    (facts(TUBE, INFLAMED, eligibility__imv_started_at=moment(15)), NEITHER),
    (facts(TUBE, eligibility__imv_started_at=moment(10)), OPEN),
    (facts(TUBE, eligibility__imv_started_at=None), OPEN),
]

INFLAMMATION_CASES = [
    (facts(CALM), NOT_MET),
    (facts(CALM, eligibility__ferritin="2000", eligibility__ferritin_24h="2000"), NOT_MET),
    (facts(CALM, eligibility__ferritin="2001"), MET),
    (facts(CALM, eligibility__ferritin="2001", eligibility__superinfection_explains="Y"), NOT_MET),
    (facts(CALM, eligibility__ferritin="2001", eligibility__superinfection_explains=None), OPEN),
    (facts(CALM, eligibility__ferritin="1000", eligibility__ferritin_24h="900"), NOT_MET),
    (facts(CALM, eligibility__ferritin="1001", eligibility__ferritin_24h="1001"), NOT_MET),
    (facts(CALM, eligibility__ferritin="1001", eligibility__ferritin_24h="1000"), MET),
    (facts(CALM, eligibility__ferritin="1001", eligibility__ferritin_24h=None), OPEN),
    (facts(FEW_LYMPHOCYTES), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ldh="300"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ldh="301"), MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ldh="301", eligibility__lymphocytes="0.8"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ddimer_feu="1000"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ddimer_feu="1001"), MET),
    (facts(FEW_LYMPHOCYTES, DDU, eligibility__ddimer_ddu="500"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, DDU, eligibility__ddimer_ddu="501"), MET),
    (facts(FEW_LYMPHOCYTES, eligibility__crp="70", eligibility__crp_24h="60"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__crp="70.1", eligibility__crp_24h="60"), MET),
    (facts(FEW_LYMPHOCYTES, eligibility__crp="90", eligibility__crp_24h="95"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ferritin="700", eligibility__ferritin_24h="600"), NOT_MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ferritin="701", eligibility__ferritin_24h="700"), MET),
    (facts(FEW_LYMPHOCYTES, eligibility__ldh=None), OPEN),
    (facts(eligibility__ferritin="2001", eligibility__superinfection_explains="N"), MET),
    (facts(), OPEN),
    (facts(eligibility__superinfection_explains="Y"), NOT_MET),
]

ICU = {
    "eligibility.covid_pneumonia": "Y",
    "eligibility.icu_admitted_at": moment(2, "09:00", "Europe/Madrid"),
    "eligibility.assessed_at": moment(1, "09:00", "Europe/Madrid"),
}
WELL = {
    "eligibility.respiratory_distress": "N",
    "vitals.rr": "22",
    "vitals.spo2": "96",
    "blood_gas.pao2": "80",
    "blood_gas.fio2": "21",
}

COVID_MSV_CASES = [
    ("I1", facts(demography__age="17"), NOT_MET),
    ("I1", facts(demography__age="18"), MET),
    ("I1", facts(demography__age="90"), MET),
    ("I1", facts(), OPEN),
    ("I2", facts(virology__pcr_result="POS"), MET),
    ("I2", facts(virology__pcr_result="NEG"), NOT_MET),
    ("I2", facts(virology__pcr_result={"missing": "ND"}), OPEN),
    ("I3", facts(ICU), MET),
    ("I3", facts(ICU, eligibility__icu_admitted_at=moment(3, "09:00", "Europe/Madrid")), MET),
    ("I3", facts(ICU, eligibility__icu_admitted_at=moment(3, "08:59", "Europe/Madrid")), NOT_MET),
    ("I3", facts(ICU, eligibility__icu_admitted_at=moment(1, "09:00", "Europe/Madrid")), MET),
    ("I3", facts(ICU, eligibility__icu_admitted_at=moment(1, "09:01", "Europe/Madrid")), NOT_MET),
    ("I3", facts(ICU, eligibility__covid_pneumonia="N", eligibility__icu_admitted_at=None), NOT_MET),
    ("I3", facts(ICU, eligibility__icu_admitted_at=None), OPEN),
    ("I3", facts(ICU, eligibility__icu_admitted_at=day(1)), OPEN),
    ("I4", facts(WELL), NOT_MET),
    ("I4", facts(WELL, eligibility__respiratory_distress="Y"), MET),
    ("I4", facts(WELL, vitals__rr="29"), NOT_MET),
    ("I4", facts(WELL, vitals__rr="30"), MET),
    ("I4", facts(WELL, vitals__spo2="94"), NOT_MET),
    ("I4", facts(WELL, vitals__spo2="93"), MET),
    ("I4", facts(WELL, blood_gas__pao2="63", blood_gas__fio2="21"), MET),
    ("I4", facts(WELL, blood_gas__pao2="63.21", blood_gas__fio2="21"), NOT_MET),
    ("I4", facts(WELL, blood_gas__pao2="300", blood_gas__fio2="100"), MET),
    ("I4", facts(WELL, blood_gas__pao2="301", blood_gas__fio2="100"), NOT_MET),
    ("I4", facts(WELL, blood_gas__pao2=None), OPEN),
    ("I4", facts(vitals__spo2="92"), MET),
    ("I4", facts(), OPEN),
    ("I5", facts(CONSENT), MET),
    ("I5", facts(CONSENT, subject__first_consent_type="legal_representative"), MET),
    ("I5", facts(CONSENT, subject__first_consent_type="impartial_witness"), NOT_MET),
    ("I5", facts(CONSENT, subject__first_consent_at=moment(-1)), NOT_MET),
    ("I5", facts(CONSENT, PROCEDURE), MET),
    ("I5", facts(CONSENT, PROCEDURE, subject__first_consent_at=moment(1, "10:01")), NOT_MET),
    ("I5", facts(), OPEN),
    ("E2", facts(FERTILE, pregnancy_test__result="POS"), PRESENT),
    ("E2", facts(FERTILE, pregnancy_test__contraception=None), ABSENT),
    ("E2", facts(demography__sex="M"), ABSENT),
    ("E2", facts(demography__sex="F", pregnancy_test__childbearing_potential="N"), ABSENT),
    ("E2", facts(FERTILE, pregnancy_test__result=None), OPEN),
    ("E5", facts(eligibility__consent_signed="N"), PRESENT),
    ("E5", facts(eligibility__consent_signed="Y"), ABSENT),
    ("E5", facts(), OPEN),
    *exclusion("E1", "active_tumour"),
    *exclusion("E3", "other_trial"),
    *exclusion("E4", "investigator_objects"),
]


@pytest.mark.parametrize(("id", "known", "answer"), LIEGE_CASES)
def test_a_liege_criterion_is_met_not_met_or_open(id, known, answer):
    """DAT-03, DAT-05: each with its boundaries."""
    assert criterion(LIEGE, id, known) is answer


@pytest.mark.parametrize(("id", "known", "answer"), COVID_MSV_CASES)
def test_a_covid_msv_criterion_is_met_not_met_or_open(id, known, answer):
    assert criterion(COVID_MSV, id, known) is answer


@pytest.mark.parametrize(("known", "code"), GROUP_CASES)
def test_the_liege_group_follows_oxygen_or_tube(known, code):
    assert group(LIEGE, known) == code


@pytest.mark.parametrize(("known", "answer"), INFLAMMATION_CASES)
def test_high_inflammation_follows_the_registry_rule(known, answer):
    assert definition(LIEGE, "high_inflammation", known) is answer


@pytest.mark.parametrize(("slug", "cases"), [(LIEGE, LIEGE_CASES), (COVID_MSV, COVID_MSV_CASES)])
def test_no_criterion_is_left_without_its_three_answers(slug, cases):
    for each in protocol(slug).eligibility:
        answers = {answer for id, _, answer in cases if id == each.id}
        assert answers == {True, False, None}, each.id
