"""Laboratories and their reference ranges: added, ended, corrected, never overlapping (LAB-03)."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.context import acting
from audit.trail import history_model
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.reference_ranges import START, address, central, facts, given
from trials.laboratories import ranges
from trials.laboratories.ranges import add_laboratory
from trials.models import Laboratory, ReferenceRange

pytestmark = pytest.mark.django_db


@pytest.fixture
def laboratory(trial) -> Laboratory:
    return central(trial)


def sent(**told: Any) -> dict[str, Any]:
    known = {
        "path": "biochemistry.crp", "unit": "", "sex": "", "age_from": "", "age_to": "", "lower": "",
        "upper": "5,0", "effective_from": "01-Jan-2026", "effective_to": "", "source": "Handbook 7",
    }  # fmt: skip
    return {**known, **told}


class TestKeeping:
    def test_a_data_manager_adds_a_laboratory_and_a_range(self, trial, manager):
        browser = build.client(manager)
        page = browser.post(
            address(trial, "add/"), {"name": "Night laboratory", "code": "night"}, follow=True
        )
        assert "This laboratory has no reference ranges yet" in words(page)
        done = browser.post(address(trial, "at/night/add/"), sent(), follow=True)
        assert "biochemistry.crp" in words(done)
        row = ReferenceRange.objects.get()
        assert (row.upper, row.lower, row.unit, row.entered_by) == (Decimal(5), None, "mg/L", manager)
        trail = history_model(ReferenceRange).objects.get()
        assert (trail.history_user_id, trail.history_trial) == (manager.pk, trial.pk)

    def test_what_is_wrong_is_shown_beside_the_field_and_nothing_is_lost(self, trial, manager, laboratory):
        browser = build.client(manager)
        for text, sentence in [
            ({"upper": "five"}, "“five” is not a number"),
            ({"lower": "9"}, "The upper bound must not be below the lower one."),
            ({"upper": ""}, "Give the lower bound, the upper bound, or both."),
            ({"upper": "1.1234567"}, "digits before and"),
            ({"unit": "mmol/L"}, "is not a unit of this item. Write one of: mg/L, mg/dL."),
            ({"effective_to": "31-Dec-2025"}, "The last day must not be before the first day."),
            ({"age_from": "65", "age_to": "18"}, "The ages must end above where they begin."),
            ({"path": "vitals.hr"}, "Select a valid choice"),
            ({"sex": "X"}, "Select a valid choice"),
        ]:
            page = browser.post(address(trial, "at/central/add/"), sent(**text))
            assert page.status_code == 422, text
            assert sentence in words(page), text
            assert 'value="Handbook 7"' in page.content.decode()
        assert not ReferenceRange.objects.exists()

    def test_a_new_period_ends_the_one_before(self, trial, laboratory):
        """LAB-03: effective dates; the earlier range keeps judging the earlier samples."""
        old, new = given(laboratory), given(laboratory, upper=Decimal(8), effective_from=date(2026, 7, 1))
        old.refresh_from_db()
        assert (old.effective_to, new.effective_to) == (date(2026, 6, 30), None)
        trail = history_model(ReferenceRange).objects.filter(id=old.pk).latest("history_id")
        assert str(trail.history_change_reason) == "A new range follows"

    @pytest.mark.parametrize(
        "told",
        [
            {},
            {"sex": "M"},
            {"age_from": 10},
            {"age_to": 30},
            {"effective_from": date(2019, 1, 1)},
            {"effective_from": date(2019, 1, 1), "effective_to": START},
        ],
    )
    def test_ranges_never_overlap(self, laboratory, told):
        given(laboratory)
        with pytest.raises(ValidationError, match="It overlaps the range from 01-Jan-2020 to no end"):
            given(laboratory, **told)
        assert ReferenceRange.objects.count() == 1

    @pytest.mark.parametrize(
        "told",
        [
            {"path": "biochemistry.alt", "unit": "U/L"},
            {"effective_from": date(2019, 1, 1), "effective_to": date(2019, 12, 31)},
        ],
    )
    def test_ranges_beside_each_other_do_not_overlap(self, laboratory, told):
        given(laboratory)
        given(laboratory, **told)
        assert ReferenceRange.objects.count() == 2

    def test_a_woman_and_a_man_have_their_own(self, laboratory):
        given(laboratory, sex="F")
        given(laboratory, sex="M")
        with pytest.raises(ValidationError):
            given(laboratory)

    def test_another_laboratory_does_not_count(self, trial, laboratory):
        given(laboratory)
        with acting(system="test"):
            other = add_laboratory(trial=trial, code="night", name="Night", by=None)
        given(other)
        assert not other.is_default

    def test_the_database_refuses_what_no_range_can_be(self, laboratory):
        for text in [
            {"lower": Decimal(9)},
            {"upper": None},
            {"age_from": 5, "age_to": 5},
            {"effective_to": date(2019, 1, 1)},
            {"sex": "X"},
        ]:
            known = {"age_from": 0, "upper": Decimal(5), "effective_from": START, **text}
            with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
                ReferenceRange.objects.create(laboratory=laboratory, form="biochemistry", item="crp", **known)

    def test_the_same_start_twice_is_refused_by_the_database_too(self, laboratory):
        given(laboratory)
        same = {
            "form": "biochemistry",
            "item": "crp",
            "age_from": 0,
            "effective_from": START,
            "upper": Decimal(7),
        }
        with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
            ReferenceRange.objects.create(laboratory=laboratory, **same)

    def test_a_correction_needs_a_reason_and_keeps_what_stood_before(self, trial, manager, laboratory):
        row = given(laboratory)
        browser, page = build.client(manager), f"at/central/{row.pk}/"
        assert 'value="5"' in browser.get(address(trial, page)).content.decode()
        refused = browser.post(address(trial, page), sent(upper="6"))
        assert refused.status_code == 422
        done = browser.post(address(trial, page), sent(upper="6", reason="Misread"))
        assert done.status_code == 302
        row.refresh_from_db()
        assert row.upper == 6
        rows = history_model(ReferenceRange).objects.filter(id=row.pk).order_by("history_id")
        assert [(each.upper, each.history_change_reason or "") for each in rows] == [
            (Decimal(5), ""),
            (Decimal(6), "Misread"),
        ]

    def test_a_correction_may_not_overlap(self, laboratory, manager):
        given(laboratory, effective_to=date(2020, 12, 31))
        row = given(laboratory, effective_from=date(2021, 1, 1))
        with acting(user=manager), pytest.raises(ValidationError, match="overlaps"):
            ranges.correct_range(
                row=row, facts=facts(effective_from=date(2020, 6, 1)), reason="x", by=manager
            )

    def test_a_range_ends_with_a_reason(self, trial, manager, laboratory):
        row = given(laboratory)
        browser, page = build.client(manager), f"at/central/{row.pk}/end/"
        assert browser.post(address(trial, page), {"effective_to": "31-Dec-2025"}).status_code == 422
        early = browser.post(address(trial, page), {"effective_to": "31-Dec-2019", "reason": "Moved"})
        assert "The last day must not be before the first day." in words(early)
        browser.post(address(trial, page), {"effective_to": "31-Dec-2025", "reason": "New analyser"})
        row.refresh_from_db()
        assert row.effective_to == date(2025, 12, 31)

    def test_what_was_entered_in_error_judges_nothing_and_stays_in_the_list(self, trial, manager, laboratory):
        row = given(laboratory)
        browser = build.client(manager)
        browser.post(address(trial, f"at/central/{row.pk}/strike-out/"), {"reason": "Wrong analyte"})
        assert ranges.book_of(trial).ranges == {}
        assert "Wrong analyte" in words(browser.get(address(trial, "at/central/")))
        assert browser.get(address(trial, f"at/central/{row.pk}/")).status_code == 404
        given(laboratory)

    def test_one_laboratory_is_the_default(self, trial, manager, laboratory):
        with acting(system="test"):
            night = add_laboratory(trial=trial, code="night", name="Night", by=None)
        browser = build.client(manager)
        fields = {"name": "Night laboratory", "is_default": "on", "reason": "Contract"}
        assert browser.post(address(trial, "at/night/change/"), fields).status_code == 302
        assert list(Laboratory.objects.values_list("code", "is_default")) == [
            ("night", True),
            ("central", False),
        ]
        without = browser.post(address(trial, "at/night/change/"), {"name": "Night", "reason": "x"})
        assert without.status_code == 422
        night.refresh_from_db()
        assert night.is_default


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_ranges_costs_the_same_whatever_its_length(
    trial, manager, laboratory, number, django_assert_num_queries
):
    """Listings cost what the page shows (STYLE, habit 9)."""
    for year in range(number):
        given(laboratory, effective_from=START + timedelta(days=400 * year))
    browser = build.client(manager)
    with django_assert_num_queries(6):
        page = browser.get(address(trial, "at/central/"))
    assert page.content.decode().count("biochemistry.crp</") == number
    with django_assert_num_queries(4):
        browser.get(address(trial))
