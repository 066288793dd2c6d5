"""A patient with 52 weekly visits and fifteen years of follow-up after the trial (ATM-06): the pages stay as cheap."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patients.models import Visit
from protocol.checking.mistakes import examined
from tests.support import build
from tests.support.protocols.thirteen_designs import Design, follow_up, infusion
from tests.support.study.dosed_patients import facts, included, infuse, loaded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
DAY = date(2026, 3, 10)
DOSING = 'product = "msc"\ninfusions = 1\ncells = { lowest = "80e6", target = "100e6", highest = "120e6" }\n'
WEEKLY = """[[visits]]
code = "W"
title = { en = "Week {number}" }
kind = "follow_up"
anchor = "infusion_1"
day = 7
every = 7
times = 52
window = [-3, 3]
forms = [{ form = "body", when = "available" }]
"""
YEARLY = (
    WEEKLY.replace('"W"', '"Y"').replace("Week", "Long-term follow-up, year").replace("day = 7", "day = 730")
)
YEARLY = (
    YEARLY.replace("every = 7", "every = 365")
    .replace("times = 52", "times = 15")
    .replace("[-3, 3]", "[-30, 30]")
)


def design(name: str, visits: str) -> Design:
    return Design(name, 10, 365, DOSING, infusion(1, "inclusion", 0) + visits, Decimal("100e6"))


SHORT = design("SHORT", follow_up(28))
LONG = design("LONG", follow_up(28) + WEEKLY + YEARLY)


def dosed(chosen: Design):
    patient = included(loaded(chosen.text), DAY)
    infuse(patient, facts(patient, datetime(2026, 3, 10, 10, 0, tzinfo=ZoneInfo("Europe/Brussels"))))
    return patient


def queries(browser, address: str) -> int:
    browser.get(address)
    with CaptureQueriesContext(
        connection,
    ) as counted:
        assert browser.get(address).status_code == 200
    return len(counted)


def test_the_file_has_no_mistakes_and_reaches_beyond_the_end_of_the_trial():
    found = examined(LONG.text)
    assert [str(each) for each in (*found.mistakes, *found.doubts)] == []
    assert found.protocol
    assert len(found.protocol.visits) == 3 + 52 + 15
    assert found.protocol.visit("Y15").day == 730 + 14 * 365


def test_every_visit_is_planned_from_the_infusion_and_has_its_title():
    patient = dosed(LONG)
    visits = {row.code: row for row in Visit.objects.filter(patient=patient)}
    assert visits["W52"].planned_on == date(2027, 3, 9)
    assert (visits["Y1"].window_from, visits["Y1"].window_to) == (date(2028, 2, 8), date(2028, 4, 8))
    assert visits["Y15"].planned_on == date(2042, 3, 6)
    page = build.client(build.user("coordinator", trial=patient.trial))
    shown = page.get(reverse("reports:casebook", args=[patient.trial.slug, patient.code])).content.decode()
    assert "Long-term follow-up, year 15" in shown


@pytest.mark.parametrize("name", ["home", "casebook", "calendar", "patient-calendar", "checklist"])
def test_67_visits_more_cost_no_query_more(name):
    costs = []
    for chosen in (SHORT, LONG):
        patient = dosed(chosen)
        browser = build.client(build.user("coordinator", trial=patient.trial))
        of_patient = name in {"casebook", "patient-calendar"}
        arguments = [patient.trial.slug, patient.code] if of_patient else [patient.trial.slug]
        costs.append(queries(browser, reverse(f"reports:{name}", args=arguments)))
    assert costs[1] <= costs[0]
