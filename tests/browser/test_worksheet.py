"""The worksheet with a scanner: it types where the focus is and ends with Enter; the focus stays in the field."""

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from audit.context import acting
from dosing.infusions.administration import record_weight
from dosing.models import WorksheetStep
from protocol.values.moments import Moment
from tests.support import build
from tests.support.pages.infusions import page as address
from tests.support.pages.infusions import stored
from tests.support.study import product_chain as chain
from tests.support.study.worksheets import identified

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]


def test_order_and_bags_are_scanned_without_a_mouse(page: Page, trial, enter, looked_at, complaints):
    """CEL-09: three scans, and the bags are chosen; nothing scrolls sideways, on the desk and on a tablet."""
    nurse = build.user("coordinator", trial=trial)
    worker = build.user("cell_laboratory", trial=trial, full_name="Cell Worker")
    patient = identified(build.enrolled(trial=trial, on=trial.today))
    for number in ("B-1", "B-2", "B-8", "B-9"):
        chain.bag(trial, number)
    row = stored(patient)
    with acting(user=nurse, role="coordinator"):
        record_weight(
            infusion=row, weight_kg=Decimal("82.4"),
            weight_measured=Moment.from_datetime(timezone.now(), str(trial.zone)), version=row.version, by=nurse,
        )  # fmt: skip
    enter(worker)
    page.goto(address(patient, "worksheet"))
    for scanned in (patient.code, "B-1", "B-2"):
        expect(page.get_by_label("Scan or type a number")).to_be_focused()
        page.keyboard.type(scanned)
        page.keyboard.press("Enter")
        expect(page.get_by_role("table").get_by_text(scanned, exact=True)).to_be_visible()
    looked_at("worksheet")

    expect(page.get_by_text("Another person signs here")).to_be_visible()
    assert WorksheetStep.objects.filter(kind="bag").count() == 2
    assert complaints == []
