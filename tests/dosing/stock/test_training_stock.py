"""The stock of the training installation: a product for every infusion, releases, a quarantine and a recall."""

from datetime import date

import pytest
from django.db import transaction
from django.db.models import Sum
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from demo.patients import Populator
from demo.people import make_people
from demo.ranges import example_laboratory
from demo.stock import fill_stock, recall_given
from demo.stories import Story
from demo.treatment import infuse
from dosing.allocation.slots import arm_of
from dosing.models import BagMovement, Infusion, KitCheck, LateInfusion, Lot, Preparation, WorksheetStep
from dosing.stock.balance import balances_of
from dosing.stock.moving import read_bags
from dosing.worksheet.plan import BenchStep
from dosing.worksheet.sheet import read_sheet
from patients.models import Identity, Patient
from tests.support import build
from tests.support.pages.infusions import text_of
from trials.models import Trial

pytestmark = pytest.mark.django_db

PATIENTS = {build.LIEGE: 1, build.COVID_MSV: 3}
SUSPENDED, DRAWN = (BenchStep.DILUTION, "suspension_ml"), (BenchStep.DRAWN, "drawn_ml")
INFUSIONS = {build.LIEGE: 3, build.COVID_MSV: 1}


class Treated(Populator):
    """Follows a patient through the infusions alone."""

    def follow(self, patient: Patient, story: Story, day) -> None:
        infuse(self, patient, story, day, 10_000)


@pytest.fixture(scope="module", params=[build.LIEGE, build.COVID_MSV])
def training(request, django_db_setup, django_db_blocker):
    """A shipped trial as it is, with the stock and the infusions of invented patients, and the cell laboratory."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield filled(build.shipped(request.param))
        transaction.set_rollback(True)


def filled(trial: Trial) -> tuple[Trial, User]:
    """Fill a trial as the demo does, without visits; return it with the person of the cell laboratory."""
    with acting(system="test"):
        people = make_people([trial], build.PASSWORD)
        example_laboratory(trial)
    invented = Treated(trial, people, build.PASSWORD, seed=20)
    fill_stock(invented)
    for number in range(PATIENTS[trial.slug]):
        invented.create(Story(12 + number))
    recall_given(invented)
    return trial, people["cell_laboratory"]


def test_every_infusion_has_a_product_that_was_dispensed_compared_and_given(training):
    trial, _laboratory = training
    given = Infusion.objects.filter(patient__trial=trial, state="given").select_related("patient__trial")
    assert given.count() == PATIENTS[trial.slug] * INFUSIONS[trial.slug]
    assert not LateInfusion.objects.exists()
    for row in given:
        row.patient.trial = trial
        arm, product = arm_of(row.patient), Preparation.objects.get(infusion=row)
        assert bool(product.viable_cells) == arm.cells, row
        assert product.dose_finding == ("within" if arm.cells else "")
        sheet = read_sheet(row)
        assert sheet.next is None
        assert ", ".join(bag.number for bag in sheet.bags) == product.bag
        assert [each.at for each in sheet.rows] == sorted(each.at for each in sheet.rows)
        assert sheet.step(BenchStep.DISPENSED).at < row.started_at
        _is_signed(WorksheetStep, *(sheet.step(kind) for kind in (BenchStep.IDENTITY, BenchStep.CHECK)))
        _is_signed(KitCheck, KitCheck.objects.get(infusion=row))
        there, drawn = (sheet.number(*each) for each in (SUSPENDED, DRAWN))
        assert there >= (drawn or 0)
        for held in read_bags([bag.pk for bag in sheet.bags]):
            assert held.rest is None
            kinds = [each.kind for each in held.rows]
            assert {"receipt", "dispensing", "infusion"} < set(kinds)

    if trial.masked:
        arms = {arm_of(patient).code for patient in trial.patients.all()}
        assert len(arms) == 2


def _is_signed(model, *rows) -> None:
    """Every row is signed by another person than the one who recorded the others."""
    found = Signature.objects.filter(
        target_type=model._meta.label_lower, target_id__in=[row.pk for row in rows], invalidated_at=None
    )
    assert found.count() == len(rows)


def test_the_stock_has_releases_a_quarantine_a_lot_that_waits_and_a_recall(training):
    """CEL-06, CEL-08, ATM-02: the sum over all accounts is zero for every lot."""
    trial, person = training
    laboratory = build.client(person)
    states = set(Lot.objects.filter(trial=trial).values_list("status", flat=True))
    assert states == {"waiting", "released", "quarantined", "recalled"}
    assert {sum(each.values()) for each in balances_of(trial).values()} == {0}
    recalled = Lot.objects.get(trial=trial, status="recalled")
    assert recalled.results.filter(late=True, finding="failed").exists()

    shown = text_of(laboratory.get(reverse("dosing:stock", args=[trial.slug])))
    for words in ("Released", "In quarantine", "Recalled"):
        assert words in shown, words
    log = text_of(laboratory.get(reverse("dosing:movements", args=[trial.slug])))
    for words in ("Temperature excursion", "Discarded", "Dispensed", "Infused"):
        assert words in log, words


def test_the_recall_leads_to_who_received_the_lot(training):
    """ATM-03."""
    trial, person = training
    laboratory = build.client(person)
    recalled = Lot.objects.get(trial=trial, status="recalled")
    used = BagMovement.objects.filter(lot=recalled, kind="infusion").aggregate(given=Sum("volume_ul"))
    assert used["given"] > 0
    shown = text_of(laboratory.get(reverse("reports:look-back-lot", args=[trial.slug, recalled.pk])))
    codes = BagMovement.objects.filter(lot=recalled, kind="infusion").values_list(
        "patient__number", flat=True
    )
    for patient in trial.patients.filter(number__in=set(codes)):
        assert patient.code in shown


def test_the_year_of_birth_of_every_patient_can_be_compared(training):
    """CEL-13: without it no worksheet of the training installation gets beyond the second person."""
    trial, _maker = training
    form, _dot, item = trial.rules.profile.age.partition(".")
    for patient in Patient.objects.filter(trial=trial):
        born = date.fromisoformat(Identity.objects.get(patient=patient).birth_date)
        on = patient.screened_on
        age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
        assert str(age) == patient.records.get(form=form).values[item]
