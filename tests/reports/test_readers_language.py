"""What the system wrote is read in the language of its reader, whoever saved; a person's own words stay as typed."""

import csv
import io

import pytest
from django.utils import translation

from audit.context import acting
from audit.models import AccessEvent, Meaning, Signature
from audit.signatures import SignatureState, sign, verify
from audit.stored_text import english, read
from exports.models import Document
from patients.models import Mark, Query, Record
from patients.review import source_verification
from patients.review.marks import SeenVersion
from tests.support import build
from tests.support.pages.entry_pages import WHOLE, address, save, words
from tests.support.pages.trail_pages import cells_of, lines, text_of, url
from tests.support.translation import invented_french

UNUSUAL = "Unusual: expected between 40 and 180 beats/min. Check the value."
TYPED = "lu 72 au lieu de 27"


@pytest.fixture(autouse=True)
def _two_languages(settings, monkeypatch):
    """Pages are offered in English and in an invented French."""
    settings.LANGUAGES = invented_french.LANGUAGES
    invented_french.spoken(monkeypatch)
    with translation.override("en"):
        yield


def browser(person, language):
    client = build.client(person)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    return client


@pytest.fixture
def monitor(trial):
    return build.user("monitor", trial=trial)


def thread(person, language, trial) -> str:
    """Return the page of the only query as a person reads it."""
    return text_of(browser(person, language).get(f"/trials/{trial.slug}/queries/{Query.objects.get().pk}/"))


def corrected(patient, nurse, language) -> None:
    """Save an unusual heart rate, then its correction, as a coordinator of this language."""
    desk = browser(nurse, language)
    assert save(desk, patient, {"hr": "190"}).status_code == 302
    assert save(desk, patient, {"hr": "90"}).status_code == 302


def changed(patient, nurse, language) -> Record:
    """Complete the vital signs and change them with a reason, as a coordinator of this language."""
    desk = browser(nurse, language)
    save(desk, patient, WHOLE, "next")
    reason = {"_reason": "transcription", "_note": TYPED}
    assert save(desk, patient, {**WHOLE, "hr": "74", **reason}).status_code == 302
    return Record.objects.get()


@pytest.mark.parametrize(("writes", "reads"), [("fr", "en"), ("en", "fr"), ("fr", "fr")])
def test_a_query_and_why_it_closed_are_read_in_the_language_of_the_reader(
    patient, nurse, monitor, trial, writes, reads
):
    corrected(patient, nurse, writes)
    page = thread(monitor, reads, trial)

    for sentence in (UNUSUAL, "The value was corrected."):
        assert (f"«{sentence}»" in page) == (reads == "fr")
        assert sentence in page


def test_the_list_of_queries_is_read_in_the_language_of_the_reader(patient, nurse, monitor, trial):
    corrected(patient, nurse, "fr")
    listing = f"/trials/{trial.slug}/queries/"

    assert UNUSUAL in words(browser(monitor, "en").get(f"{listing}?state=closed"))
    assert f"«{UNUSUAL}»" not in words(browser(monitor, "en").get(f"{listing}?state=closed"))
    assert f"«{UNUSUAL}»" in words(browser(monitor, "fr").get(f"{listing}?state=closed"))
    assert "«" not in b"".join(browser(monitor, "fr").get(f"{listing}?format=csv")).decode()


def test_the_message_of_a_check_is_that_of_the_protocol_in_the_language_of_the_reader(
    patient, nurse, monitor, trial
):
    """DAT-08."""
    save(
        browser(nurse, "fr"),
        patient,
        {"age": "55", "sex": "F", "height": "165", "weight": "80"},
        form="demography",
    )
    save(browser(nurse, "fr"), patient, {"weight": "60"})

    assert "The weight differs by more than 10 % from screening" in thread(monitor, "en", trial)
    assert "Le poids diffère de plus de 10 % de la sélection" in thread(monitor, "fr", trial)


def test_a_query_of_a_check_outlives_the_check(patient, nurse, monitor, trial):
    """DAT-09: the message is that of the version that asked, whatever version the form is read under later."""
    save(browser(nurse, "en"), patient, {"weight": "60"})
    with acting(system="test"):
        Query.objects.create(
            patient=patient, record=Record.objects.get(), item="weight", check_id="check:GONE", origin="check",
            state="open", opened_by=nurse,
            text=read('{"code":"protocol.check","says":{"en":"Weigh again","fr":"Repesez"},"with":{"check":"GONE"}}'),
        )  # fmt: skip

    assert "Weigh again" in thread(monitor, "en", trial)
    assert "Repesez" in thread(monitor, "fr", trial)


@pytest.mark.parametrize(("writes", "reads"), [("fr", "en"), ("en", "fr")])
def test_a_reason_is_read_in_the_language_of_the_reader_with_the_words_that_were_typed(
    patient, nurse, monitor, trial, writes, reads
):
    """AUD-04."""
    changed(patient, nurse, writes)
    reason = {"en": f"Transcription error: {TYPED}", "fr": f"««Transcription error»: {TYPED}»"}[reads]

    assert reason in words(browser(monitor, reads).get(address(patient) + "?field=hr"))
    assert reason in text_of(browser(monitor, reads).get(url(trial, form="vitals")))


def test_the_trail_names_a_process_in_the_language_of_the_reader(patient, nurse, monitor, trial):
    """AUD-10."""
    corrected(patient, nurse, "fr")
    page = {
        code: text_of(browser(monitor, code).get(url(trial, form="patients.query"))) for code in ("en", "fr")
    }

    assert f"Edit checks, for {nurse.full_name}" in page["en"]
    assert f"««Edit checks», for {nurse.full_name}" not in page["en"]
    assert f"«Edit checks», for {nurse.full_name}" in page["fr"]
    assert f"«{UNUSUAL}»" in page["fr"]


def test_the_trail_as_a_file_is_english_whoever_takes_it(patient, nurse, monitor, trial):
    changed(patient, nurse, "fr")
    file = b"".join(browser(monitor, "fr").get(url(trial, form="vitals", format="csv"))).decode("utf-8-sig")
    row = next(row for row in csv.DictReader(io.StringIO(file)) if row["field"] == "hr" and row["reason"])

    assert (row["reason"], row["reason_code"]) == (f"Transcription error: {TYPED}", "entry.transcription")
    assert "«" not in file


def test_why_a_mark_fell_is_read_in_the_language_of_the_reader(patient, nurse, monitor, trial):
    """AUD-02: the trigger keeps the reason of the change as it is stored."""
    save(browser(nurse, "en"), patient, WHOLE, "next")
    record = Record.objects.get()
    with acting(user=monitor, role="monitor"):
        seen = [SeenVersion(record.pk, record.version, ("hr",))]
        source_verification.verify(patient=patient, seen=seen, by=monitor, role="monitor")
    reason = {"_reason": "transcription", "_note": TYPED}
    save(browser(nurse, "fr"), patient, {**WHOLE, "hr": "74", **reason})

    assert Mark.objects.get().undone["because"].startswith('{"code":"entry.transcription"')
    listing = f"/trials/{trial.slug}/verification/undone/"
    assert f"Transcription error: {TYPED}" in words(browser(monitor, "en").get(listing))
    assert f"««Transcription error»: {TYPED}»" in words(browser(monitor, "fr").get(listing))


@pytest.mark.parametrize("reads", ["en", "fr"])
def test_why_a_document_was_not_made_is_read_in_the_language_of_the_reader(
    patient, monitor, trial, monkeypatch, reads
):
    monkeypatch.setattr("exports.documents.MOST_BYTES", 10)
    browser(monitor, "fr").post(
        f"/trials/{trial.slug}/documents/", {"kind": "casebook", "patient": patient.code}
    )
    row = Document.objects.get()
    page = words(browser(monitor, reads).get(f"/trials/{trial.slug}/documents/{row.pk}/"))

    sentence = "This would be more than one PDF can hold here. Ask for one PDF per patient instead."
    assert row.state == "failed"
    assert sentence in page
    assert (f"«{sentence}»" in page) == (reads == "fr")


def test_what_a_document_was_is_registered_as_code(patient, monitor, trial):
    """CTL-03."""
    browser(monitor, "fr").post(
        f"/trials/{trial.slug}/documents/", {"kind": "casebook", "patient": patient.code}
    )
    purpose = AccessEvent.objects.filter(kind="exported").first().detail["purpose"]

    assert english(read(purpose)) == f"Casebook {patient.code}"


def test_a_refusal_is_in_the_language_of_the_reader_of_the_trail(monitor, trial):
    """AUD-08."""
    assert browser(monitor, "fr").get(f"/trials/{trial.slug}/exports/").status_code == 403
    detail = AccessEvent.objects.get(kind="denied").detail

    assert english(read(detail["message"])) == "Your role in this trial, Monitor, does not allow this."
    assert "Your role in this trial, Monitor, does not allow this." in text_of(
        browser(monitor, "en").get(url(trial, kind="access"))
    )


def test_a_signature_is_shown_as_it_was_shown_to_its_signer(patient, doctor, trial, nurse):
    """P11-13, SIG-05: the statement keeps its language."""
    record = changed(patient, nurse, "en")
    with acting(user=doctor, role="investigator"), translation.override("fr"):
        fields = {"meaning": Meaning.APPROVAL, "password": build.PASSWORD, "zone": "Europe/Brussels"}
        signature = sign(target=record, by=doctor, **fields)

    signature = Signature.objects.get(pk=signature.pk)
    assert (signature.meaning, signature.language) == ("approval", "fr")
    assert signature.statement.startswith(f"«Signed by {doctor.full_name}")
    assert signature.statement.endswith("[Europe/Brussels]: «Approval»»")
    assert verify(signature) == SignatureState.VALID
    signature.statement = signature.statement.replace("Approval", "Review")
    assert verify(signature) == SignatureState.FORGED


def test_the_filter_of_a_review_is_in_the_language_of_the_reader(monitor, trial, patient, manager):
    """AUD-11."""
    review = {"conclusion": "Rien à signaler", "finding": "nothing"}
    browser(manager, "fr").post(url(trial, kind="changed"), review)
    (review,) = lines(manager, trial, kind="review")

    assert cells_of(review)[0] == ("Filter", "", "What: Changed")
    assert ("Conclusion", "", "Rien à signaler") in cells_of(review)
