"""Who takes the export of a study: registered with a purpose, blinded, without identities, by page and command."""

import json
import zipfile

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from audit.models import AccessEvent
from audit.sealing.seal_files import SealBroken
from tests.support import build
from tests.support.pages.exports import exported, table

pytestmark = pytest.mark.django_db


def test_an_export_is_registered_with_its_purpose_and_hash(trial, manager):
    """PRV-04, AUD-08."""
    exported(manager, trial, purpose="DSMB")
    stages = list(
        AccessEvent.objects.filter(kind="exported").order_by("pk").values_list("detail__stage", flat=True)
    )
    finished = AccessEvent.objects.get(kind="exported", detail__stage="finished")
    assert stages == ["started", "finished"]
    assert finished.user_name == manager.username
    assert len(finished.detail["sha256"]) == 64
    assert finished.detail["purpose"] == "DSMB"


def test_an_export_without_purpose_is_refused_beside_the_field(trial, manager):
    response = build.client(manager).post(reverse("exports:index", args=[trial.slug]), {"purpose": " "})
    assert response.status_code == 422
    assert not AccessEvent.objects.filter(kind="exported").exists()


def test_the_blind_is_kept_for_blinded_exporters():
    """BLD-03: no product, no allocation, and no history of them."""
    trial = build.trial(build.COVID_MSV)
    build.enrolled(trial=trial)
    blinded = exported(build.user("data_manager", trial=trial), trial)
    unblinded = exported(build.user("statistician", trial=trial), trial)
    assert {"preparations.csv", "allocation.csv"} & set(blinded.namelist()) == set()
    assert {"preparations.csv", "allocation.csv"} <= set(unblinded.namelist())
    hidden = {"dosing.allocationlist", "dosing.allocationslot", "dosing.preparation"}
    assert hidden & {row["table"] for row in table(blinded, "audit_trail")} == set()
    assert hidden & {row["table"] for row in table(unblinded, "audit_trail")} != set()


def test_identity_is_in_no_export(trial, manager):
    """PRV-01."""
    build.patient(trial=trial, name="Jeanne Dubois", hospital_number="H-77812")
    archive = exported(build.user("inspector", trial=trial), trial)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Dubois" not in everything
    assert b"H-77812" not in everything


def test_the_command_writes_the_same_archive(trial, tmp_path, capsys):
    build.enrolled(trial=trial)
    out = tmp_path / "study.zip"
    call_command("export", "--trial", trial.slug.upper(), "--format", "csv", "--out", str(out))
    archive = zipfile.ZipFile(out)
    assert len(table(archive, "patients")) == 1
    assert json.loads(archive.read("manifest.json"))["exported_by"] == "system:export"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--trial": "nct00000000"}, "No trial"),
        ({"--user": "nobody"}, "may not export"),
        ({"--out": "."}, "exists already"),
        ({"--out": "/no/such/folder/x.zip"}, "There is no folder"),
    ],
)
def test_the_command_says_what_is_wrong(trial, tmp_path, change, sentence):
    options = {"--trial": trial.slug, "--out": str(tmp_path / "x.zip")} | change
    with pytest.raises(CommandError, match=sentence):
        call_command("export", *[part for pair in options.items() for part in pair])


def test_the_page_costs_the_same_with_one_and_three_patients(trial, manager, django_assert_max_num_queries):
    client, address = build.client(manager), reverse("exports:index", args=[trial.slug])
    for _each in range(3):
        build.patient(trial=trial)
        with django_assert_max_num_queries(12):
            assert client.get(address).status_code == 200


def test_a_broken_seal_stops_the_export_with_a_sentence(trial, manager, monkeypatch):
    """AUD-07, SEC-19: a trail that does not match its seals is not exported; the page shows a message."""

    def broken(*, reason: str) -> None:
        raise SealBroken("Seal 3 is not the one in the database")

    monkeypatch.setattr("audit.sealing.seals.seal", broken)
    answer = build.client(manager).post(reverse("exports:index", args=[trial.slug]), {"purpose": "DSMB"})
    assert answer.status_code == 422
    assert "Nothing was exported: Seal 3" in answer.content.decode()
    assert not AccessEvent.objects.filter(kind="exported", detail__stage="finished").exists()
