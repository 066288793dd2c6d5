"""The shipped protocols are the registered trials: identity, products, criteria, events, outcomes.

The figures are copied here by hand, so that a slip in a file is seen.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from pydantic import BaseModel

from protocol.checking.mistakes import problems
from protocol.document.items import Text
from tests.support.protocols.shipped import BOTH, COVID_MSV, LIEGE, THIRD, path_of, protocol, rules, scope

ALL = [*BOTH, THIRD]


def texts(part: object) -> Iterator[Text]:
    """Yield every text of a protocol that users read in their language."""
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
    assert (dosing.infusions, dosing.volume_ml.planned, dosing.same_donor) == (1, Decimal(100), False)


def test_covid_msv_allocates_one_to_one_without_strata():
    allocation = protocol(COVID_MSV).allocation
    assert (allocation.method, allocation.block_sizes) == ("permuted_blocks", (2, 4))
    assert (allocation.ratio, allocation.strata) == ({"cells": 1, "placebo": 1}, ())
    assert [arm.cells for arm in protocol(COVID_MSV).arms] == [True, False]
    assert protocol(LIEGE).allocation is None


@pytest.mark.parametrize(("imv_day", "asked"), [("2021-03-07", False), ("2021-03-06", True)])
def test_liege_asks_for_inflammation_after_seven_days_of_ventilation(imv_day, asked):
    answers = {
        "respiratory_support.support": "IMV",
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
    """SAF-08, ATM-05."""
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
