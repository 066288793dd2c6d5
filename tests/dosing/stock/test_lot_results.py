"""Every release result of a lot on one form, and what keeps the lot from its release (CEL-05, CEL-06)."""

from datetime import date

import pytest
from django.urls import reverse

from dosing.models import Lot, LotResult
from dosing.stock.lot_release.release import newest_results, product_of
from protocol.values.writing import day_text
from tests.support import build
from tests.support.pages.infusions import errors_of, text_of
from tests.support.study import product_chain as chain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
REPORTED = date(2026, 3, 1)
QUERIES = 7


@pytest.fixture
def lot(trial):
    return chain.lot(trial)


def page(lot, kind: str = "result") -> str:
    return reverse("dosing:lot-step", args=[lot.trial.slug, lot.pk, kind])


def shown(browser, lot) -> str:
    return browser.get(reverse("dosing:lot", args=[lot.trial.slug, lot.pk])).content.decode()


def every_result(lot, **changed: str) -> dict[str, str]:
    """Return the whole form: each result within its limit, one day for all."""
    tests = product_of(lot).tests
    typed = {f"value_{test.code}": chain.good_value(test) for test in tests}
    return {"reported_on": day_text(REPORTED, "en"), **typed, **changed}


class TestOnePage:
    def test_the_form_has_each_test_of_the_specification_with_its_limit(self, laboratory, lot):
        text = text_of(laboratory.get(page(lot)))
        tests = product_of(lot).tests
        assert len(tests) == 12
        for test in tests:
            assert test.title.in_language("en") in text
            assert test.limit in text

    def test_twelve_results_are_one_save_and_each_is_compared(self, laboratory, lot):
        answer = laboratory.post(page(lot), every_result(lot, value_cd45="7"))
        assert answer.url == reverse("dosing:lot", args=[lot.trial.slug, lot.pk])
        found = newest_results(lot)
        assert len(found) == LotResult.objects.count() == 12
        assert {row.reported_on for row in found.values()} == {REPORTED}
        assert {code for code, row in found.items() if row.finding == "failed"} == {"cd45"}
        assert {code for code, row in found.items() if row.finding == "informative"} == {"hla_dr", "potency"}
        text = text_of(laboratory.get(answer.url))
        assert text.count("Within the specification") == 9
        assert "CD45 Out of specification 7 at most 5 %" in text

    def test_a_result_may_have_a_day_of_its_own_and_another_may_be_awaited(self, laboratory, lot):
        """CEL-06."""
        typed = every_result(lot, value_sterility="", pending_sterility="on", reported_on_cd45="20-Feb-2026")
        assert laboratory.post(page(lot), typed).status_code == 302
        found = newest_results(lot)
        assert (found["sterility"].finding, found["sterility"].reported_on) == ("pending", None)
        assert (found["cd45"].reported_on, found["cd73"].reported_on) == (date(2026, 2, 20), REPORTED)

    def test_a_test_without_an_answer_keeps_its_result(self, laboratory, lot):
        chain.with_results(lot)
        before = LotResult.objects.count()
        typed = {"reported_on": "01-Mar-2026", "value_viability": "81"}
        assert laboratory.post(page(lot), typed).status_code == 302
        assert LotResult.objects.count() == before + 1
        assert newest_results(lot)["viability"].value == "81"

    @pytest.mark.parametrize(
        ("changed", "field", "told"),
        [
            ({"value_cd45": "few"}, "value_cd45", "Type a number"),
            ({"reported_on_cd45": "01-Mar-2030"}, "reported_on_cd45", "not come yet"),
            ({"reported_on": "01-Mar-2030"}, "reported_on", "not come yet"),
            ({"reported_on": "", "reported_on_cd45": "x"}, "reported_on_cd45", ""),
            ({"pending_cd45": "on"}, "value_cd45", "awaited"),
        ],
    )
    def test_bad_input_is_refused_beside_its_field_and_stays_typed(
        self, laboratory, lot, changed, field, told
    ):
        """Nothing is stored, not even the good ones."""
        typed = every_result(lot, value_cd31="4.25", **changed)
        answer = laboratory.post(page(lot), typed)
        assert answer.status_code == 422
        errors = errors_of(answer)
        assert set(errors) == {field}
        assert told in str(errors[field])
        assert not LotResult.objects.exists()
        assert 'value="4.25"' in answer.content.decode()
        # What can be read already is compared with its limit.
        assert "Within the specification" in text_of(answer)
        assert 'value="4.25"' in laboratory.get(page(lot)).content.decode()

    def test_a_result_without_any_day_is_refused_beside_its_own_day(self, laboratory, lot):
        answer = laboratory.post(page(lot), {"value_cd45": "2"})
        assert set(errors_of(answer)) == {"reported_on_cd45"}

    def test_an_empty_form_stores_nothing(self, laboratory, lot):
        answer = laboratory.post(page(lot), {"reported_on": "01-Mar-2026"})
        assert answer.status_code == 422
        assert "Enter a result, or mark one as awaited." in text_of(answer)

    def test_it_costs_the_same_with_and_without_results(self, laboratory, lot, django_assert_num_queries):
        laboratory.get(page(lot))
        with django_assert_num_queries(QUERIES):
            laboratory.get(page(lot))
        chain.with_results(lot)
        with django_assert_num_queries(QUERIES):
            laboratory.get(page(lot))


class TestWhatIsMissing:
    def test_each_missing_result_leads_to_its_field(self, laboratory, lot):
        chain.with_results(lot, sterility="")
        text = shown(laboratory, lot)
        assert f'<a href="{page(lot)}#id_value_sterility">The result is awaited: Sterility.</a>' in text
        form = laboratory.get(page(lot)).content.decode()
        assert 'id="id_value_sterility"' in form

    def test_a_lot_without_results_names_all_but_those_for_information(self, laboratory, lot):
        text = shown(laboratory, lot)
        assert "This keeps the lot from its release:" in text
        deciding = [test for test in product_of(lot).tests if test.decides]
        assert text.count("The result is missing:") == len(deciding) == 10

    def test_a_donor_whose_criteria_are_not_known_is_named_with_the_way(self, trial, laboratory):
        chain.donor(trial, "D-99", answers={"age": "30"})
        made = chain.with_results(chain.lot(trial, "L-99", of="D-99"))
        donor = made.bank.donation.donor
        text = shown(laboratory, made)
        way = reverse("dosing:donor", args=[trial.slug, donor.pk])
        assert f'<a href="{way}">It is not known whether donor D-99 meets the donor criteria.</a>' in text

    def test_too_many_passages_are_said(self, trial, laboratory):
        made = chain.with_results(chain.lot(trial, "L-98", passage=6))
        assert "more passages than the specification allows" in shown(laboratory, made)

    def test_a_released_lot_lacks_nothing(self, trial, laboratory):
        made = chain.released(trial)
        assert made.status == Lot.Status.RELEASED
        assert "This keeps the lot from its release" not in shown(laboratory, made)


def test_a_blinded_role_reaches_neither():
    """BLD-01."""
    masked = build.trial(build.COVID_MSV)
    lot = chain.lot(masked)
    nurse = build.client(build.user("coordinator", trial=masked))
    assert nurse.get(page(lot)).status_code == 403
    assert nurse.get(reverse("dosing:lot", args=[masked.slug, lot.pk])).status_code == 403
