"""Certificates of a lot are files with a hash, listed and sent to those who may know the treatment (CEL-05)."""

from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import AccessEvent
from dosing.models import LotCertificate
from patients.entry.files.attachments import clear
from patients.models.attachments import attachment_storage
from tests.support import build
from tests.support.pages.infusions import errors_of, text_of
from tests.support.study import product_chain as chain
from tests.support.study.file_samples import pdf

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def lot(trial):
    return chain.lot(trial)


def attached(client, lot, data: bytes | None = None, title: str = "Sterility"):
    upload = SimpleUploadedFile("../certificate.pdf", data or pdf(), "application/pdf")
    address = reverse("dosing:lot-step", args=[lot.trial.slug, lot.pk, "certificate"])
    return client.post(address, {"title": title, "upload": upload})


def test_a_certificate_is_attached_listed_and_downloaded(trial, lot, laboratory):
    """CEL-05, SEC-13: name, size and hash stand with the lot."""
    assert attached(laboratory, lot).status_code == 302
    row = LotCertificate.objects.get()
    shown = text_of(laboratory.get(reverse("dosing:lot", args=[trial.slug, lot.pk])))
    assert f"Sterility (certificate.pdf, {row.size}" in shown
    assert row.sha256 in shown
    answer = laboratory.get(reverse("dosing:certificate", args=[trial.slug, row.pk]))
    assert answer.content == pdf()
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert AccessEvent.objects.filter(kind="file_seen", detail__sha256=row.sha256).exists()


@pytest.mark.parametrize(
    ("data", "title", "field", "words"),
    [(b"MZ not a pdf", "Sterility", "upload", "This is no PDF"), (None, "", "title", "required")],
)
def test_another_kind_of_file_is_refused(lot, laboratory, data, title, field, words):
    response = attached(laboratory, lot, data, title)
    assert words in errors_of(response)[field]
    assert not LotCertificate.objects.exists()


def test_the_same_file_twice_is_refused(lot, laboratory):
    attached(laboratory, lot)
    assert "attached to the lot already" in errors_of(attached(laboratory, lot))["upload"]


def test_a_certificate_is_never_cleared_as_a_stray(lot, laboratory):
    """BKP-01: the storage is shared with the files of forms."""
    attached(laboratory, lot)
    clear(before=datetime(2100, 1, 1, tzinfo=UTC))
    assert attachment_storage().exists(LotCertificate.objects.get().key)


def test_a_blinded_person_learns_of_no_certificate(db):
    """BLD-01: in a masked trial."""
    trial = build.trial(build.COVID_MSV)
    lot = chain.lot(trial, cells=False)
    laboratory = build.client(build.user("cell_laboratory", trial=trial))
    attached(laboratory, lot)
    key = LotCertificate.objects.get().pk
    ward = build.client(build.user("coordinator", trial=trial))
    assert ward.get(reverse("dosing:certificate", args=[trial.slug, key])).status_code == 403
    assert laboratory.get(reverse("dosing:certificate", args=[trial.slug, key])).status_code == 200
    assert AccessEvent.objects.get(kind="file_seen").see == "see_treatment"
