"""Files for machines, sealed text and signed content are the same for every reader; a document has one language."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from django.utils.translation import gettext, override

from audit.models import Signature
from audit.sealing.sealed_rows import sealed_rows, sealed_tables
from audit.sealing.seals import high_water_marks
from audit.signatures import content_hash, manifest_hash
from audit.trail_index.building import refresh
from exports.documents import Copy, write
from exports.models import Document
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.models import Consent, Patient, Record
from patients.participation.eligibility_decisions.eligibility import evaluate
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages import blinding
from tests.support.pages.paper import Paper, joined
from tests.support.study import casebooks, reference_ranges
from tests.support.translation.readers import LANGUAGES, speaks, three_languages  # noqa: F401

NOW = datetime(2026, 7, 9, 10, 5, 30, tzinfo=UTC)
CSV_FILES = (
    "dosing:listing", "laboratories:ranges", "laboratories:template", "patients:forms", "patients:listing",
    "patients:locks", "patients:queries", "patients:to-sign", "patients:undone", "patients:verification",
    "reports:quality", "audit:trail", "safety:listing",
)  # fmt: skip


@pytest.fixture
def july():
    """The ninth of July: `juil` in French."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def told(july, trial, doctor) -> Patient:
    """A patient with changes, a query, signatures and an event."""
    reference_ranges.given(reference_ranges.central(trial))
    return casebooks.full_patient(trial, doctor)


def address(name: str, trial) -> str:
    parts = [trial.slug, "central"] if name.startswith("laboratories:") else [trial.slug]
    return reverse(name, args=parts)


def data_of(answer, language: str) -> bytes:
    """Return headers and content, but for the language of the answer and the ids drawn for its request."""
    return blinding.shown(answer).replace(f"Content-Language: {language}\n".encode(), b"")


@pytest.mark.usefixtures("three_languages")
def test_every_csv_file_is_the_same_for_every_reader(told, trial, manager):
    """EXP: listings, the trail and the form of the laboratory, byte for byte; the pages do follow the reader."""
    browser, files, pages = build.client(manager), {}, {}
    # Rows that wait for the index are put in the order of their times: the clock of this test runs behind theirs.
    refresh()
    for language in LANGUAGES:
        speaks(manager, language)
        with blinding.undone():
            answers = {name: browser.get(address(name, trial), {"format": "csv"}) for name in CSV_FILES}
            assert {answer["Content-Type"] for answer in answers.values()} == {"text/csv; charset=utf-8"}
            files[language] = {name: data_of(answer, language) for name, answer in answers.items()}
        pages[language] = browser.get(reverse("audit:trail", args=[trial.slug])).content.decode()
    assert "09-juil-2026" in pages["fr"]
    assert "09-Jul-2026" in pages["en"]
    assert b"09-Jul-2026" in files["en"]["audit:trail"]
    for name in CSV_FILES:
        assert (files["en"][name].count(b"\r\n") > 1) == (name not in EMPTY_HERE), name
        assert files["fr"][name] == files["es"][name] == files["en"][name], name


# In the sample nothing is locked and no mark was undone.
EMPTY_HERE = {"patients:locks", "patients:undone"}


@pytest.mark.usefixtures("three_languages", "one_clock")
def test_the_export_and_its_manifest_are_the_same_for_every_reader(told, trial, manager):
    """EXP: the zip file by file, the manifest with it."""
    browser, archives = build.client(manager), {}
    for language in LANGUAGES:
        speaks(manager, language)
        with blinding.undone():
            answer = browser.post(reverse("exports:index", args=[trial.slug]), {"purpose": "Interim look"})
            archives[language] = data_of(answer, language)
    assert b"manifest" in archives["en"]
    assert archives["fr"] == archives["es"] == archives["en"]


def sealed() -> dict[str, list[Any]]:
    """Return the leaf of every sealed row."""
    marks = high_water_marks()
    return {
        table.name: list(sealed_rows(table, table.columns, after=0, until=marks.get(table.name, 0)))
        for table in sealed_tables()
    }


@pytest.mark.usefixtures("three_languages")
def test_sealed_rows_and_signed_content_have_the_same_hashes_for_every_reader(told, trial):
    """AUD, P11: a seal made by a French worker is verified by an English one."""
    hashes = {}
    for language in LANGUAGES:
        with override(language):
            signed = [
                content_hash(row)
                for model in (Consent, Record, AdverseEvent)
                for row in model._base_manager.order_by("pk")
                if hasattr(row, "signed_content") or model is not Consent
            ]
            signatures = [manifest_hash(signature) for signature in Signature.objects.order_by("pk")]
            decided = [finding.as_stored() for finding in evaluate(told).findings]
            hashes[language] = (sealed(), signed, signatures, decided)
    assert sum(map(len, hashes["en"][0].values())) > 50
    assert len(hashes["en"][1]) > 5
    assert len(hashes["en"][2]) > 1
    assert hashes["fr"] == hashes["es"] == hashes["en"]


@pytest.mark.usefixtures("three_languages")
@pytest.mark.parametrize("asked_by", LANGUAGES)
def test_a_document_is_written_in_the_language_that_was_asked_for(asked_by, told, trial, tmp_path):
    """EXP: whatever language the worker that makes it speaks."""
    audience = Audience.nobody(trial)
    audience.language = audience.reader.language = "fr"
    copy = Copy(Document.Kind.CASEBOOK, audience, [told.code], "Dr Renard", "Casebook")
    with override(asked_by):
        write(copy, tmp_path / "casebook.pdf")
    paper = Paper(tmp_path / "casebook.pdf")
    assert paper.holds("09-juil-2026 12:05:30 +02:00")
    # The statement of a signature stays as its English signer was shown it (21 CFR 11.50).
    printed = paper.text
    for signature in Signature.objects.all():
        printed = printed.replace(joined(signature.statement), "")
    assert printed != paper.text
    assert joined("Jul-2026") not in printed


@pytest.mark.usefixtures("three_languages")
def test_numbers_of_a_document_have_the_decimal_sign_of_its_language(told, trial):
    """The height was changed to 165.5 cm."""
    shown = {}
    for language in ("en", "fr"):
        audience = Audience.nobody(trial)
        audience.language = audience.reader.language = language
        with override(language):
            shown[language] = str(PatientPaper(told, audience).content())
    assert "165.5 cm" in shown["en"]
    assert "165,5 cm" in shown["fr"]
    with override("fr"):
        assert gettext("Yes") == "Oui"
