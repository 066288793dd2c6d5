"""Questions of inspectors about the treatment of a masked trial, asked on the pages and compared with the database."""

import re

import pytest

from audit.models import AccessEvent
from audit.trail import history_model
from dosing.models import Lot, Preparation, ProductMark, ProductQuery
from tests.support import build
from tests.support.pages.clicking import ClickingReader
from tests.support.study.masked_trial import masked_trial
from trials.models import Delegation
from trials.roles import KNOWING, ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
MOST_CLICKS = 3


@pytest.fixture
def world():
    return masked_trial()


def reader_of(world, role: str = "inspector") -> ClickingReader:
    return ClickingReader(world.staff[role], world.trial.slug)


def table(reader: ClickingReader) -> list[list[str]]:
    """Return the cells of each row of the page's listing."""
    body = reader.markup.split("<tbody", 1)[1].split("</tbody>", 1)[0]
    rows = re.findall(r"<tr\b.*?</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


def test_26_who_knew_the_treatment_of_whom_since_when_and_by_which_road(world):
    """AUD-08, BLD-03: held against delegations, readings with their patients, exports and histories of products.

    Who recorded donors, lots and bags of the stock is named too, for no single patient.
    """
    reader = reader_of(world).click("Audit trail").click("Who knew the treatment")
    assert reader.clicks <= MOST_CLICKS
    lines = [row[:4] for row in table(reader)]

    unblinded = KNOWING
    for row in Delegation.objects.filter(trial=world.trial):
        line = [row.user.full_name, str(ROLES[row.role].title), "All patients", "May know it by the role"]
        assert (line in lines) is (row.role in unblinded)
    codes = dict(world.trial.patients.values_list("pk", "code"))
    readings = {
        (event.full_name, codes[key])
        for event in AccessEvent.objects.filter(kind="treatment_seen", trial_id=world.trial.pk)
        for key in event.detail.get("patient_keys", [event.patient_id])
        if key is not None
    }
    shown = {(row[0], row[2]) for row in lines if row[3].startswith("Read it")} - {("", "")}
    assert shown - {(name, "No single patient") for name, _code in shown} == readings
    statistician = world.staff["statistician"].full_name
    assert [
        statistician,
        "Statistician (unblinded)",
        "All patients",
        "Took it in an export or a document",
    ] in lines
    wrote = history_model(Preparation).objects.exclude(history_user_name__startswith="system:")
    asked = [*history_model(ProductQuery).objects.all(), *history_model(ProductMark).objects.all()]
    written = {(row.history_full_name, codes[row.history_patient]) for row in [*wrote, *asked]}
    stock = history_model(Lot).objects.exclude(history_user_name__startswith="system:")
    stocked = {(row.history_full_name, "No single patient") for row in stock}
    recorded = {(row[0], row[2]) for row in lines if row[3] == "Recorded the product"}
    assert recorded == written | stocked
    assert len(readings) > 2
    assert (len(written), len(stocked)) == (4, 1)


def test_26_the_answer_grows_with_what_is_read(world):
    """AUD-08: a patient whose product was read on one page appears with the time, and only for who read it."""
    monitor = world.staff["unblinded_monitor"]
    build.client(monitor).get(f"{world.home}patients/{world.treated[0].code}/")
    reader = reader_of(world).click("Audit trail").click("Who knew the treatment")
    reader.filtered(person=str(monitor.pk), road="page")
    event = AccessEvent.objects.get(kind="treatment_seen", user_id=monitor.pk)
    (line,) = table(reader)
    assert line[:4] == [
        monitor.full_name, "Unblinded monitor", world.treated[0].code,
        "Read it on pages or in downloaded lists",
    ]  # fmt: skip
    assert event.at.astimezone(world.trial.zone).strftime("%d-%b-%Y %H:%M") == line[4]
    assert line[6] == "1"


def test_35_which_patients_got_a_lot_and_which_donors_cells_a_patient_got(world):
    """CEL-01: the search finds a lot and a donor; the page of the product names donor and lot."""
    for sought, column in (("LOT-QXJ", "lot"), ("D-QXJ", "donor_code")):
        reader = reader_of(world)
        reader.searched(sought)
        assert reader.clicks <= MOST_CLICKS
        rows = Preparation.objects.filter(**{f"{column}__contains": sought}).select_related(
            "patient", "infusion"
        )
        expected = {f"{row.patient.code} infusion {row.infusion.number}" for row in rows}
        assert expected
        assert set(re.findall(r"VAL-\d+ infusion \d+", reader.text)) == expected
    cells = Preparation.objects.get(patient=world.treated[0])
    reader.click(f"{world.treated[0].code} infusion 1")
    assert reader.clicks <= MOST_CLICKS
    assert cells.lot in reader.text
    assert cells.donor_code in reader.text
