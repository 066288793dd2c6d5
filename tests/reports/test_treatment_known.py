"""The page “Who knew the treatment”: its filters and file, and what a blinded reader is told (AUD-08, BLD-03)."""

import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from audit import events
from audit.context import acting
from dosing.models import Donor
from reports.treatment_knowledge.roads import product_models
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from trials.listing import computed
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
BLINDED_READERS = sorted(
    code
    for code, role in ROLES.items()
    if Permission.SEE_TRAIL in role.permissions and Permission.SEE_TREATMENT not in role.permissions
)


@pytest.fixture
def masked():
    return build.trial(build.COVID_MSV)


def address(trial) -> str:
    return reverse("reports:treatment-known", args=[trial.slug])


def lines(reader, trial, **filters):
    response = build.client(reader).get(address(trial), filters)
    assert response.status_code == 200
    return response.context["listing"].objects


def seen(trial, person, *patients, page="/"):
    """Store that a person was shown the treatment of these patients."""
    several = {"patient_keys": [each.pk for each in patients], "patients": [each.code for each in patients]}
    with acting(user=person, role="statistician", origin="web"):
        events.record(
            kind="treatment_seen", trial_id=trial.pk, see="see_treatment",
            patient_id=patients[0].pk if len(patients) == 1 else None,
            detail={"page": page, **(several if len(patients) > 1 else {})},
        )  # fmt: skip


def test_readings_on_several_pages_are_one_line_with_first_and_last_time(masked):
    """AUD-08: whether a page showed one patient or several."""
    one, other = build.patient(trial=masked), build.patient(trial=masked)
    person = build.user("statistician", trial=masked)
    seen(masked, person, one)
    seen(masked, person, one, other)
    seen(masked, person, one)
    read = {line.patient: line for line in lines(person, masked, road="page")}
    assert {code: line.times for code, line in read.items()} == {one.code: 3, other.code: 1}
    assert read[one.code].since < read[one.code].until
    assert read[other.code].since == read[other.code].until


def test_a_patient_is_found_with_those_who_know_all_patients(masked):
    """AUD-08: a role and an export concern every patient."""
    one, other = build.patient(trial=masked), build.patient(trial=masked)
    person, reader = build.user("statistician", trial=masked), build.user("inspector", trial=masked)
    seen(masked, person, one)
    seen(masked, person, other)
    with acting(user=person, role="statistician", origin="web"):
        about = {"treatment": True, "format": "csv", "stage": "started"}
        events.record(kind="exported", trial_id=masked.pk, see="see_treatment", detail=about)
    found = lines(reader, masked, patient=one.code, person=str(person.pk))
    assert [(line.road, line.patient) for line in found] == [
        ("role", "everybody"), ("page", one.code), ("export", "everybody"),
    ]  # fmt: skip


def test_an_export_within_the_blind_tells_nothing(masked):
    """BLD-03: the register says that it held no treatment."""
    person = build.user("statistician", trial=masked)
    with acting(user=person, role="data_manager", origin="web"):
        events.record(
            kind="exported",
            trial_id=masked.pk,
            detail={"treatment": False, "format": "csv", "stage": "started"},
        )
    assert lines(person, masked, road="export") == []


@pytest.mark.parametrize("role", each_engine_or_one(BLINDED_READERS))
def test_a_blinded_reader_is_told_the_roles_whatever_was_read(masked, role):
    """BLD-01, BLD-03: neither lines nor choices of the filters tell who read about whom; the file neither."""
    patient, reader = build.patient(trial=masked), build.user(role, trial=masked)
    person = build.user("statistician", trial=masked)
    client, now = build.client(reader), timezone.now() + timedelta(seconds=5)

    def told():
        # A page tells when it was loaded, and for how long the session lasts.
        with time_machine.travel(now, tick=False):
            return blinding.crawl(client, [address(masked), f"{address(masked)}?format=csv"])

    before = told()
    seen(masked, person, patient)
    assert blinding.differences(before, told()) == {}
    assert b"Statistician (unblinded)" in before[address(masked)]
    assert patient.code.encode() not in before[f"{address(masked)}?format=csv"]
    # A choice of the filter that would tell is unknown.
    assert client.get(address(masked), {"patient": patient.code}).status_code == 400


def test_in_the_open_trial_every_role_knows_it(trial):
    """BLD-01: nothing is hidden, so reading is not recorded."""
    nurse = build.user("coordinator", trial=trial)
    response = build.client(nurse).get(address(trial))
    assert "The trial is open" in response.content.decode()
    assert [line.full_name for line in response.context["listing"].objects] == [nurse.full_name]


def test_the_file_has_every_line(masked, monkeypatch):
    """AUD-08: the download is recorded, and holds the lines of all pages."""
    monkeypatch.setattr(computed, "PAGE", 2)
    person = build.user("statistician", trial=masked)
    for _number in range(3):
        seen(masked, person, build.patient(trial=masked))
    client = build.client(person)
    page = client.get(address(masked)).context["listing"]
    assert (len(page.objects), page.total) == (2, 4)
    following = client.get(address(masked) + page.next_url).context["listing"]
    assert len(following.objects) == 2
    assert following.next_url == ""
    text = b"".join(client.get(address(masked) + page.csv_url)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text.partition("\r\n")[2])))
    assert [row["road"] for row in rows] == ["role", "page", "page", "page"]
    assert rows[0]["person"] == person.full_name


def test_a_filter_that_cannot_be_read_says_so(masked):
    person = build.user("inspector", trial=masked)
    response = build.client(person).get(address(masked), {"road": "rumour"})
    assert response.status_code == 400
    assert "A filter could not be read" in response.content.decode()


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_needs_the_same_queries_whatever_was_read(masked, number, django_assert_num_queries):
    """Query count: session, user, delegation, roles, patients, two histories, events, people."""
    person = build.user("inspector", trial=masked)
    for _each in range(number):
        seen(masked, person, build.patient(trial=masked))
    client = build.client(person)
    client.get(address(masked))
    with django_assert_num_queries(10):
        client.get(address(masked))


def test_who_wrote_any_row_of_the_product_is_named_by_the_road_recorded(masked):
    """AUD-08: each table that needs the right to know the treatment, those of the stock too."""
    assert {model._meta.label for model in product_models()} >= {
        "dosing.Bag", "dosing.BagMovement", "dosing.CellBank", "dosing.Donation", "dosing.Donor", "dosing.Lot",
        "dosing.LotDecision", "dosing.LotResult", "dosing.MaskedResult", "dosing.Preparation",
        "dosing.ProductDeviation", "dosing.WorksheetStep",
    }  # fmt: skip
    worker = build.user("cell_laboratory", trial=masked, full_name="Cell Worker")
    statistician = build.user("statistician", trial=masked)
    assert "Cell Worker" not in {line.full_name for line in lines(statistician, masked, road="recorded")}
    with acting(user=worker, role="cell_laboratory", origin="web"):
        Donor.objects.create(trial=masked, code="D-1", recorded_by=worker)
    (line,) = lines(statistician, masked, road="recorded")
    assert (line.full_name, line.patient, line.times) == ("Cell Worker", "nobody", 1)


def test_a_blinded_person_whose_step_wrote_a_row_of_the_product_is_not_named(masked):
    """The allocation of an eligible patient is written by the system for the investigator, who learns nothing."""
    doctor = build.user("investigator", trial=masked)
    build.eligible(trial=masked, investigator=doctor)
    statistician = build.user("statistician", trial=masked)
    assert lines(statistician, masked, road="recorded") == []
