"""Schedules of the shipped protocols: anchors, windows and forms of every visit, copied by hand."""

from datetime import date

import pytest

from protocol.document.schedule import planned_visits
from tests.support.protocols.shipped import BOTH, COVID_MSV, LIEGE, protocol

VITALS, LABS = {"vitals", "respiratory_support"}, {"blood_gas", "haematology", "biochemistry"}
BLOOD = {"haematology", "biochemistry"}
SCORES = {"circulation", "sofa", "news2", "who_cps"}
IMAGE_SCORES = {"ct_score", "chest_xray_score"}
IMMUNE = {"cytokines", "lymphocyte_subsets"}
CAPACITY = {"lung_function", "walk_test"}
HISTORY = {"demography", "medical_history", "covid_diagnosis", "eligibility"}
BASELINE = HISTORY | VITALS | LABS | SCORES | IMAGE_SCORES | {"chest_imaging", "virology"}
INFUSION = VITALS | LABS | SCORES | {"infusion_monitoring"}
EARLY = VITALS | SCORES | {"vital_status"}
WEEK = VITALS | LABS | SCORES | IMMUNE | {"vital_status"}
FORTNIGHT = VITALS | BLOOD | SCORES | IMMUNE | {"vital_status"}
MONTH = FORTNIGHT | IMAGE_SCORES | {"chest_imaging"}
SECOND_MONTH = VITALS | {"who_cps", "vital_status"}
LATE = SECOND_MONTH | BLOOD | IMMUNE | CAPACITY
HLA = {"hla_antibodies"}
# visit: anchor, day, window, required forms
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
# Forms entered only if the test was done anyway, by visit.
GAS_IF_DONE = {"blood_gas"}
AVAILABLE = {
    # Of a woman: without it the criterion on pregnancy stays open, and a man has no empty form to enter.
    "SCR": {"pregnancy_test"},
    "D1": BLOOD | GAS_IF_DONE | {"cytokines"},
    "D2": BLOOD | GAS_IF_DONE | {"cytokines"},
    "D3": BLOOD | GAS_IF_DONE | {"cytokines"},
    "INF2": {"cytokines"},
    "INF3": {"cytokines"},
    "D7": {"chest_imaging", "virology"},
    "D14": GAS_IF_DONE | {"chest_imaging"},
    "D21": VITALS | LABS,
    "D28": GAS_IF_DONE | CAPACITY | {"virology"},
    "D60": BLOOD | CAPACITY,
    "D90": {"chest_imaging"},
    "D180": {"chest_imaging", "virology"},
}


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
