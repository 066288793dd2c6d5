"""A hard stop that the protocol lets an investigator override: a signed deviation (CEL-11)."""

import pytest

from dosing.models import BagMovement, ProductDeviation, StopOverride
from tests.dosing.worksheet.conftest import included
from tests.support import build
from tests.support.pages.infusions import page
from tests.support.study import product_chain as chain
from tests.support.study.worksheets import Bench, chained_trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
TYPED = {"do": "override", "stop": "closed_window", "reason": "Ward was closed", "password": build.PASSWORD}


@pytest.fixture
def late_patient(db, known_day):
    """A patient whose window is over, in a trial that allows to override it."""
    trial = chained_trial(build.LIEGE, "closed_window")
    for number in ("B-1", "B-8", "B-9"):
        chain.bag(trial, number)
    patient = included(trial)
    from audit.context import acting

    with acting(system="test"):
        type(patient).objects.filter(pk=patient.pk).update(enrolled_on="2026-03-10", enrolled_at=None)
    patient.refresh_from_db()
    return patient


def doctor(patient):
    return build.client(build.user("investigator", trial=patient.trial))


def test_an_override_is_signed_opens_a_deviation_and_lifts_the_stop(late_patient):
    bench = Bench(late_patient)
    bench.chosen("B-1")
    bench.sign()
    assert "the protocol allows this infusion in the window" in bench.step().content.decode()
    assert doctor(late_patient).post(page(late_patient, "override"), TYPED).status_code == 302

    assert bench.step().status_code == 302
    assert BagMovement.objects.filter(kind="thaw").exists()
    deviation = ProductDeviation.objects.get(category="override")
    assert deviation.description == "Ward was closed"


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"reason": " "}, "reason"), ({"password": "wrong"}, "password"), ({"stop": "expired"}, "stop")],
)
def test_an_override_without_reason_password_or_right_is_refused(late_patient, changed, field):
    response = doctor(late_patient).post(page(late_patient, "override"), {**TYPED, **changed})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not StopOverride.objects.exists()


def test_without_the_key_and_in_a_masked_trial_nobody_overrides(open_patient, both_arms):
    for patient in (open_patient, both_arms["C-1"]):
        client = doctor(patient)
        shown = client.get(page(patient, "override")).content.decode()
        assert "allows nobody to override a hard stop" in shown
        assert client.post(page(patient, "override"), TYPED).status_code == 422
    assert not StopOverride.objects.exists()


@pytest.mark.parametrize("role", ["coordinator", "cell_laboratory", "monitor"])
def test_only_an_investigator_overrides(late_patient, role):
    client = build.client(build.user(role, trial=late_patient.trial))
    assert client.post(page(late_patient, "override"), TYPED).status_code == 403
