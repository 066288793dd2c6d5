"""Release of a lot: results against the specification of the protocol file, and signed decisions."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit import signatures
from audit.context import acting
from audit.models import Signature
from dosing.models import Lot, LotResult
from dosing.stock.chain import LotFacts, record_lot
from dosing.stock.lot_release.release import decide, newest_results, product_of, record_result, verdict_of
from dosing.stock.lot_release.specification import ResultRefused, finding, verdict
from dosing.stock.stops import Stop
from protocol.document.product import ProductVersion, ReleaseTest
from tests.support import build
from tests.support.study import product_chain as chain
from tests.support.study.refusals import refused

VIABILITY = {"code": "viability", "title": {"en": "Viability"}, "unit": "%", "at_least": 70}
CD45 = {"code": "cd45", "title": {"en": "CD45"}, "unit": "%", "at_most": 5}
STERILITY = {
    "code": "sterility",
    "title": {"en": "Sterility"},
    "expected": "negative",
    "may_be_pending": True,
}
HLA = {"code": "hla_dr", "title": {"en": "HLA-DR"}}
PRODUCT = ProductVersion.model_validate(
    {"code": "msc", "version": "1", "title": {"en": "MSC"}, "cells": True, "most_passages": 5,
     "most_doublings": 20, "tests": [VIABILITY, CD45, STERILITY, HLA]}
)  # fmt: skip


def late(lot, value, by):
    """Record a result of the culture that came after the release."""
    return record_result(lot=lot, test="sterility", value=value, reported_on=date(2026, 3, 1), by=by)


GOOD = {"viability": "passed", "cd45": "passed", "sterility": "passed"}


class TestOneResult:
    @pytest.mark.parametrize(
        ("test", "value", "found"),
        [
            (VIABILITY, "70", "passed"), (VIABILITY, "69,9", "failed"), (VIABILITY, "100", "passed"),
            (CD45, "5", "passed"), (CD45, "5.0001", "failed"), (CD45, "0", "passed"),
            (STERILITY, "Negative ", "passed"), (STERILITY, "positive", "failed"), (STERILITY, " ", "pending"),
            (HLA, "45", "informative"), (HLA, "", "pending"), (VIABILITY, "", "pending"),
        ],
    )  # fmt: skip
    def test_the_limit_itself_is_within_the_specification(self, test, value, found):
        """CEL-05."""
        assert finding(ReleaseTest.model_validate(test), value) == found

    def test_a_test_with_limits_has_a_number(self):
        with pytest.raises(ResultRefused):
            finding(ReleaseTest.model_validate(VIABILITY), "good")

    def test_the_limit_is_kept_in_words(self):
        both = ReleaseTest.model_validate({**VIABILITY, "at_most": Decimal("99.50")})
        assert both.limit == "at least 70 %, at most 99.5 %"
        assert ReleaseTest.model_validate(STERILITY).limit == "negative"


class TestAllResults:
    def test_a_lot_with_every_result_within_its_limit_may_be_released(self):
        """CEL-05: a test for information is not needed."""
        found = verdict(PRODUCT, GOOD, passage=5, doublings=Decimal(20))
        assert (found.releasable, found.conditionally) == (True, False)

    @pytest.mark.parametrize(
        ("changed", "passage", "doublings", "attribute", "told"),
        [
            ({"viability": "failed"}, 5, None, "failed", ("viability",)),
            ({"viability": "pending"}, 5, None, "missing", ("viability",)),
            ({"sterility": "failed"}, 5, None, "failed", ("sterility",)),
            ({}, 6, None, "passages", True),
            ({}, 5, Decimal("20.01"), "doublings", True),
        ],
    )
    def test_anything_else_keeps_it_from_release(self, changed, passage, doublings, attribute, told):
        """CEL-05, CEL-06."""
        found = verdict(PRODUCT, {**GOOD, **changed}, passage=passage, doublings=doublings)
        assert (found.releasable, found.conditionally) == (False, False)
        assert getattr(found, attribute) == told

    def test_a_result_that_may_be_awaited_allows_a_conditional_release(self):
        """CEL-06: sterility is pending for fourteen days."""
        found = verdict(PRODUCT, {**GOOD, "sterility": "pending"})
        assert (found.releasable, found.conditionally, found.pending) == (False, True, ("sterility",))
        missing = {name: each for name, each in GOOD.items() if name != "sterility"}
        assert verdict(PRODUCT, missing).missing == ("sterility",)

    @pytest.mark.parametrize(
        "wrong",
        [
            {**VIABILITY, "at_most": 60},
            {**VIABILITY, "expected": "good"},
            {**HLA, "expected": "low", "unit": "%"},
        ],
    )
    def test_a_specification_that_contradicts_itself_is_refused(self, wrong):
        with pytest.raises(ValueError, match=r"at_least|expected"):
            ReleaseTest.model_validate(wrong)


@pytest.mark.django_db
@pytest.mark.usefixtures("known_day", "laboratory_acts")
class TestALot:
    @pytest.fixture
    def technician(self, trial):
        return chain.technician(trial)

    @pytest.fixture
    def laboratory_acts(self, technician):
        with acting(user=technician, role="cell_laboratory", origin="web"):
            yield

    @pytest.fixture
    def lot(self, trial):
        return chain.lot(trial)

    def test_a_release_is_a_signed_decision(self, lot, technician):
        """CEL-06: who, when, with a password."""
        decision = chain.decided(chain.with_results(lot), "release")
        assert Lot.objects.get().status == "released"
        signature = Signature.objects.get(target_id=decision.pk, target_type="dosing.lotdecision")
        assert (signature.signer_id, signature.meaning) == (technician.pk, "approval")
        assert signatures.verify(signature) == "valid"

    def test_a_wrong_password_releases_nothing(self, lot, technician):
        chain.with_results(lot)
        messages = refused(decide, lot=lot, kind="release", reason="", password="guessed", by=technician)
        assert list(messages) == ["password"]
        assert (Lot.objects.get().status, lot.decisions.count()) == ("waiting", 0)

    @pytest.mark.parametrize(
        ("results", "words"),
        [
            (
                {"viability": "69"},
                "Lot L-1 cannot be released: out of specification are Viability after thawing.",
            ),
            ({"mycoplasma": ""}, "Lot L-1 cannot be released: results are missing of Mycoplasma."),
            (
                {"sterility": ""},
                "Lot L-1 still waits for results of: Sterility. Choose “Release with results pending”, or wait.",
            ),
        ],
    )
    def test_a_lot_that_does_not_meet_its_specification_is_not_released(
        self, lot, technician, results, words
    ):
        """CEL-05: each result is compared with the limit of the protocol file."""
        chain.with_results(lot, **results)
        with pytest.raises(ValidationError) as caught:
            decide(lot=lot, kind="release", reason="", password=build.PASSWORD, by=technician)
        assert caught.value.messages == [words]
        assert not lot.decisions.exists()

    def test_a_lot_without_any_result_is_not_released(self, lot, technician):
        with pytest.raises(ValidationError, match="results are missing of"):
            decide(lot=lot, kind="release", reason="", password=build.PASSWORD, by=technician)

    def test_a_conditional_release_keeps_which_results_are_pending(self, lot, technician):
        """CEL-06: and becomes a release once they are there."""
        decision = chain.decided(chain.with_results(lot, sterility="", karyotype=""), "conditional")
        assert (decision.pending, Lot.objects.get().status) == (["sterility", "karyotype"], "conditional")
        for test in ("sterility", "karyotype"):
            value = chain.good_value(next(each for each in verdict_tests(lot) if each.code == test))
            record_result(lot=lot, test=test, value=value, reported_on=date(2026, 3, 1), by=technician)
        assert chain.decided(lot, "release").status == "released"

    def test_a_lot_of_an_unfit_donor_is_not_released(self, trial, technician):
        """CEL-05: donor criteria of the protocol file, evaluated like the patient's."""
        giver = chain.donor(trial, "D-9", answers={**chain.FIT, "infection_risk": "Y"})
        assert giver.fit is False
        assert [each["id"] for each in giver.findings if each["allows"] is False] == ["DE2"]
        lot = chain.with_results(chain.lot(trial, "L-9", of="D-9"))
        with pytest.raises(ValidationError, match="donor D-9 does not meet the donor criteria"):
            chain.decided(lot, "release")

    def test_an_unanswered_donor_criterion_is_neither_met_nor_unmet(self, trial):
        answers = {name: each for name, each in chain.FIT.items() if name != "consent"}
        giver = chain.donor(trial, "D-9", answers=answers)
        assert giver.fit is None
        assert next(each for each in giver.findings if each["id"] == "DI3")["needs"] == ["consent"]
        lot = chain.with_results(chain.lot(trial, "L-9", of="D-9"))
        with pytest.raises(ValidationError, match="not known whether donor D-9 meets the donor criteria"):
            chain.decided(lot, "release")

    def test_a_quarantine_ends_with_the_status_before_it(self, lot):
        chain.decided(chain.with_results(lot), "release")
        chain.decided(lot, "quarantine", "Complaint")
        assert Lot.objects.get().status == "quarantined"
        assert chain.decided(lot, "lift", "Unfounded").status == "released"

    def test_a_quarantine_does_not_end_while_a_result_fails(self, lot, technician):
        """CEL-06: the lot would be released again; a repeated test within its limit ends it."""
        chain.decided(chain.with_results(lot), "release")
        chain.decided(lot, "quarantine", "Late culture")
        late(lot, "positive", technician)
        with pytest.raises(
            ValidationError, match="quarantine of lot L-1 cannot end: out of specification are Sterility"
        ):
            chain.decided(lot, "lift", "Unfounded")
        late(lot, "negative", technician)
        assert chain.decided(lot, "lift", "Repeated, negative").status == "released"

    @pytest.mark.parametrize(("kind", "first"), [("release", "negative"), ("conditional", "")])
    def test_a_result_that_fails_after_the_release_stops_every_bag(self, trial, lot, technician, kind, first):
        """CEL-06, ATM-02: whoever decides about the lot, and when; nobody has to set it in quarantine first."""
        chain.decided(chain.with_results(lot, sterility=first), kind)
        infusion = build.enrolled(trial=trial).infusions.get(number=1)
        bags = [chain.bag(trial, f"B-{number}") for number in range(6)]
        assert chain.stops_of(bags[0], infusion) == []
        late(lot, "positive", technician)
        (stop,) = chain.stops_of(bags[0], infusion)
        assert (stop.stop, stop.facts["tests"], stop.impossible) == (
            Stop.OUT_OF_SPECIFICATION,
            "Sterility",
            False,
        )

    def test_a_recalled_lot_stays_recalled(self, lot):
        chain.decided(chain.with_results(lot), "release")
        chain.decided(lot, "recall", "Contamination")
        for kind in ("release", "lift", "quarantine"):
            with pytest.raises(ValidationError, match="not possible while its status is “Recalled”"):
                chain.decided(lot, kind, "again")

    @pytest.mark.parametrize("kind", ["quarantine", "recall"])
    def test_a_quarantine_or_recall_says_why(self, lot, technician, kind):
        chain.decided(chain.with_results(lot), "release")
        assert refused(decide, lot=lot, kind=kind, reason=" ", password=build.PASSWORD, by=technician) == {
            "reason": ["Say why."]
        }

    def test_a_corrected_result_stands_beside_the_first(self, lot, technician):
        """CEL-05: append-only."""
        chain.with_results(lot, viability="60")
        record_result(
            lot=lot, test="viability", value="91", reported_on=date(2026, 3, 1), by=technician, note="Typing"
        )
        assert [row.value for row in lot.results.filter(test="viability")] == ["60", "91"]
        assert verdict_of(lot, newest_results(lot)).releasable
        row = lot.results.first()
        with pytest.raises(IntegrityError), transaction.atomic():
            LotResult.objects.filter(pk=row.pk).update(value="1")

    @pytest.mark.parametrize(
        ("facts", "field"),
        [
            ({"test": "colour"}, "test"),
            ({"value": "many"}, "value"),
            ({"reported_on": None}, "reported_on"),
            ({"reported_on": date(2026, 4, 2)}, "reported_on"),
        ],
    )
    def test_an_impossible_result_is_refused(self, lot, technician, facts, field):
        known = {"test": "viability", "value": "91", "reported_on": date(2026, 3, 1)}
        assert list(refused(record_result, lot=lot, by=technician, **{**known, **facts})) == [field]
        assert not LotResult.objects.exists()

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"product": "other"}, "product"),
            ({"bank": None}, "bank"),
            ({"passage": None}, "passage"),
            ({"passage": 1}, "passage"),
            ({"cells_per_bag": Decimal(0)}, "cells_per_bag"),
            ({"expires_on": date(2019, 5, 1)}, "expires_on"),
            ({"manufactured_on": date(2019, 2, 1)}, "manufactured_on"),
            ({"manufactured_on": date(2026, 4, 2)}, "manufactured_on"),
            ({"volume_ul": 0}, "volume_ml"),
            ({"number": "L 1"}, "number"),
        ],
    )
    def test_a_lot_with_a_missing_link_or_an_impossible_day_is_refused(self, trial, changed, field):
        """CEL-01, CEL-05: every link is mandatory."""
        messages = (
            refused(chain.lot, trial, "L-7", **changed)
            if "number" not in changed
            else refused(chain.lot, trial, changed["number"])
        )
        assert field in messages
        assert not Lot.objects.exists()

    def test_a_number_of_a_lot_is_known_once(self, trial, lot):
        facts = {name: getattr(lot, name) for name in LotFacts.__annotations__ if name != "number"}
        with pytest.raises(ValidationError, match="This lot is recorded already"):
            record_lot(trial=trial, facts={"number": "l-1", **facts}, by=chain.technician(trial))


def verdict_tests(lot):
    """Return the tests of the specification of a lot."""
    return product_of(lot).tests
