"""Files for authorities and registers from the command line: whole or not at all (ICS-05, RES-01, RES-05)."""

import io
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from lxml import etree
from pypdf import PdfReader

from audit.context import acting
from audit.models import AccessEvent
from exports.authorities.event_tables import TermsRefused, coded_terms, reporting_arms
from exports.authorities.files import whole_file
from patients.models import Patient
from safety.icsr.case import CodedTerm
from safety.icsr.checking import LoadedDictionary
from safety.icsr.writing import xml_of
from safety.models import AdverseEvent, Dictionary, EventCoding
from safety.sae_reports.completeness import checked_case
from safety.sae_reports.supplement import CaseSupplement
from tests.safety.test_sae_reports import NARRATIVE, send, serious_event
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.study.invented_dictionary import name_release

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(patient):
    return build.user("investigator", trial=patient.trial)


@pytest.fixture
def event(patient, doctor):
    found = serious_event(patient)
    send(found, doctor)
    return found


def command(name: str, event: AdverseEvent, out: Path, /, **options) -> str:
    stdout = io.StringIO()
    trial = event.patient.trial.slug
    call_command(name, trial=trial, out=out, stdout=stdout, **options)
    return stdout.getvalue()


def report(event: AdverseEvent, out: Path, /, **options) -> str:
    given = {"patient": event.patient.code, "event": event.number, "format": "cioms", **options}
    return command("sae_report", event, out, **given)


def exports_of(event: AdverseEvent) -> list[dict]:
    rows = AccessEvent.objects.filter(trial_id=event.trial_id, kind="exported").order_by("pk")
    return [row.detail for row in rows]


def test_the_cioms_form_holds_the_case(event, tmp_path):
    out = tmp_path / "form.pdf"
    report(event, out)
    text = " ".join(page.extract_text() for page in PdfReader(out).pages)
    assert "Initial report" in text
    assert "Paracetamol was given." in " ".join(text.split())
    assert event.patient.code in text
    assert "☒ Hospital stay" in text
    assert "☐ Patient died" in text
    (entry,) = exports_of(event)
    assert (entry["format"], entry["report"], entry["size"]) == ("cioms", "initial", out.stat().st_size)


def test_an_incomplete_case_is_refused_with_what_is_missing_and_leaves_no_file(event, tmp_path):
    """ICS-01, ICS-06."""
    out = tmp_path / "case.xml"
    with pytest.raises(CommandError) as refused:
        report(event, out, format="e2b")
    for element in ("N.1.3", "C.1.7", "D.7.2", "E.i.2.1b", "no MedDRA is loaded"):
        assert element in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert exports_of(event) == []


def test_a_complete_case_of_the_trial_is_valid_for_the_schema(event):
    """ICS-02: as soon as the term is coded and the sponsor has judged, nothing is missing."""
    given = CaseSupplement(
        dictionary=LoadedDictionary("TEST", "1.0"), term=CodedTerm(code="90000001", version="1.0"), expedited=True,
        history="None", sender="SITE", receiver="EVTEST",
    )  # fmt: skip
    row = AdverseEvent.objects.select_related("patient__trial__protocol", "patient__protocol").get(
        pk=event.pk
    )
    checked = checked_case(event=row, reports=list(row.reports.all()), supplement=given)
    assert checked.sentences == []
    assert checked.case.narrative.text == NARRATIVE
    assert schema_errors(xml_of(checked.case), "e2b/multicacheschemas/MCCI_IN200100UV01.xsd") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"patient": "NOBODY"}, "no event"),
        ({"event": 99}, "no event"),
        ({"report": "FU1"}, "Sent: initial"),
        ({"report": "second"}, "Sent: initial"),
        ({"user": "nobody"}, "may not have documents"),
    ],
)
def test_what_does_not_exist_is_refused_in_words(event, tmp_path, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        report(event, tmp_path / "x.pdf", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_event_without_a_report_is_refused(patient, tmp_path):
    with pytest.raises(CommandError, match="not serious"):
        report(build.event(patient=patient), tmp_path / "x.pdf")
    with pytest.raises(CommandError, match="No report"):
        report(serious_event(patient), tmp_path / "x.pdf")


def _half_written(place: Path) -> None:
    place.write_bytes(b"half")
    raise OSError("disk full")


def test_a_file_that_fails_leaves_nothing(tmp_path):
    out = tmp_path / "file.xml"
    with pytest.raises(OSError, match="full"), whole_file(out) as place:
        _half_written(place)
    assert list(tmp_path.iterdir()) == []
    with whole_file(out) as place:
        place.write_bytes(b"whole")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"whole"]


TERMS = (
    "term,preferred_term,organ_class\nFever,Pyrexia,General disorders and administration site conditions\n"
)


@pytest.fixture
def terms(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("terms") / "terms.csv"
    path.write_text(TERMS, "utf-8")
    return path


def exposed(patient: Patient, *, on: date | None = None) -> None:
    """Mark the patient as treated: the room of infusions keeps these columns."""
    with acting(system="test"):
        treated = {"infusions_given": "1", "first_infusion_on": on or patient.screened_on}
        Patient.objects.filter(pk=patient.pk).update(**treated)


def results(event: AdverseEvent, out: Path, **options) -> str:
    return command("registry_results", event, out, **{"format": "eudract", "meddra": "26.1", **options})


@pytest.mark.parametrize(
    ("format_", "schema"),
    [("eudract", "eudract/adverseEvents.xsd"), ("ctgov", "clinicaltrials_gov/RRSUploadSchema.xsd")],
)
def test_both_registers_get_a_valid_file(event, terms, tmp_path, format_, schema):
    """RES-01."""
    exposed(event.patient)
    out = tmp_path / "events.xml"
    results(event, out, format=format_, terms=terms)
    assert b"Pyrexia" in out.read_bytes()
    (entry,) = exports_of(event)
    assert (entry["format"], entry["arms"], entry["treatment"]) == (format_, 1, False)
    assert schema_errors(out.read_bytes(), schema) == []


def test_a_term_that_is_not_coded_is_named_and_no_file_is_left(event, tmp_path):
    exposed(event.patient)
    with pytest.raises(CommandError, match="“Fever”: code this term"):
        results(event, tmp_path / "events.xml")
    assert list(tmp_path.iterdir()) == []


def code(event: AdverseEvent, version: str, *, words: str = "") -> None:
    """Code an event in a release of MedDRA whose files are not here."""
    with acting(system="test"):
        release, _made = Dictionary.objects.get_or_create(
            kind="meddra", version=version, defaults={"sha256": "0" * 64, "terms_loaded": 1}
        )
        EventCoding.objects.update_or_create(
            event=event,
            defaults={
                "trial": event.trial, "patient": event.patient, "dictionary": release, "code": "90000001",
                "name": "Invented lowest level", "preferred": "Invented fever",
                "organ_class": "Nervous system disorders",
                "coded_words": words or event.term,
            },
        )  # fmt: skip


def test_an_event_that_is_coded_needs_no_table_of_terms(event, terms, tmp_path):
    """SAF-10, RES-01: the code that the trail keeps counts before a table."""
    exposed(event.patient)
    code(event, "26.1")
    for number, options in enumerate(({}, {"terms": terms})):
        out = tmp_path / f"{number}.xml"
        results(event, out, **options)
        written = out.read_text("utf-8")
        assert "Invented fever" in written
        assert "Pyrexia" not in written
        # Nervous system disorders in the list of the agency.
        assert "100000004852" in written


@pytest.mark.parametrize(("version", "words"), [("27.0", ""), ("26.1", "Chills")])
def test_a_code_of_another_release_or_of_other_words_does_not_count(event, tmp_path, version, words):
    """SAF-10."""
    exposed(event.patient)
    code(event, version, words=words)
    with pytest.raises(CommandError, match="“Fever”: code this term"):
        results(event, tmp_path / "events.xml")


def test_the_release_is_that_of_the_protocol_file(event, tmp_path, monkeypatch):
    exposed(event.patient)
    with pytest.raises(CommandError, match="names no release"):
        results(event, tmp_path / "events.xml", meddra="")
    name_release(event.patient.trial, monkeypatch, "27.0")
    code(event, "27.0")
    out = tmp_path / "events.xml"
    results(event, out, meddra="")
    assert "27.0" in out.read_text("utf-8")


def test_no_register_gets_the_invented_dictionary(event, tmp_path, settings):
    """ICS-06."""
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="invented"):
        results(event, tmp_path / "events.xml", meddra="TEST")
    assert list(tmp_path.iterdir()) == []


def test_events_before_the_treatment_are_not_counted(event, terms, tmp_path):
    exposed(event.patient, on=event.patient.screened_on.replace(year=2099))
    out = tmp_path / "events.xml"
    results(event, out, terms=terms)
    assert etree.fromstring(out.read_bytes()).findall("seriousAdverseEvents/seriousAdverseEvent") == []


def test_a_trial_without_a_treated_patient_is_refused(event, terms, tmp_path):
    with pytest.raises(CommandError, match="nobody had an infusion"):
        results(event, tmp_path / "events.xml", terms=terms)


@pytest.mark.parametrize("threshold", ["6", "-1", "five"])
def test_a_threshold_outside_the_register_is_refused(event, terms, tmp_path, threshold):
    with pytest.raises(CommandError, match="0 to 5"):
        results(event, tmp_path / "events.xml", terms=terms, threshold=threshold)


def test_a_masked_trial_has_one_group_until_its_treatment_is_opened():
    """RES-05."""
    trial = build.trial(build.COVID_MSV)
    for sees in (False, True):
        assert [arm.title for arm in reporting_arms(trial, sees_treatment=sees)] == ["All patients (blinded)"]
    trial.opened_to = ["data_manager"]
    titles = [arm.title.in_language("en") for arm in trial.rules.arms]
    assert [arm.title for arm in reporting_arms(trial, sees_treatment=True)] == titles
    assert len(reporting_arms(trial, sees_treatment=False)) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("term,class\nFever,x\n", "line 2: the columns are"),
        ("term,preferred_term,organ_class\nFever\n", "line 2: the columns are"),
        (f"{TERMS}FEVER,Pyrexia,x\n", "line 3: FEVER is coded twice"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_table_of_terms_that_cannot_be_read_is_refused(tmp_path, content, sentence):
    path = tmp_path / "terms.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TermsRefused, match=sentence):
        coded_terms(path)
