"""The casebook on paper: every value, change, signature and mark of a patient, blinded (P11-02)."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from audit.models import Signature
from audit.trail import history_model
from dosing.models import Infusion
from exports.paper import compositor
from exports.paper.audience import Audience
from exports.paper.casebook import head
from exports.paper.patient import PatientPaper
from patients.models import Query, QueryMessage, Record
from patients.review import medical_review, source_verification
from patients.review.marks import WHOLE, SeenVersion
from protocol.values.parsing import display
from safety.models import AdverseEvent
from tests.support import build
from tests.support.study.casebooks import amend, book, demography, full_patient, item

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(trial, doctor):
    return full_patient(trial, doctor)


def cells(item, rows) -> list[str]:
    """Return the texts of all cells of a repeating item."""
    return [display(row.get(column.name), column) for row in rows for column in item.columns]


def test_every_value_old_value_reason_and_signature_is_printed(trial, patient, tmp_path):
    """P11-02, P11-13, AUD-02: round trip from the database to the printed text."""
    paper = book(trial, tmp_path, patient=patient.code)
    rules, checked = patient.protocol.rules, 0
    for record in Record.objects.filter(patient=patient):
        for name, value in record.values.items():
            item = rules.form(record.form).item(name)
            for words in cells(item, value) if item.type == "rows" else [display(value, item)]:
                assert paper.holds(words), (record.form, name, words)
                checked += 1
    assert checked > 20
    assert paper.holds("37.85")
    for row in history_model(Record)._default_manager.filter(history_patient=patient.pk):
        form = rules.form(row.form)
        for name, value in row.values.items():
            item = form.item(name)
            for words in cells(item, value) if item.type == "rows" else [display(value, item)]:
                assert paper.holds(words), (row.form, name, words)
        assert paper.holds(str(row.history_change_reason or ""))
        assert paper.holds(row.history_full_name)
    for signature in Signature.objects.filter(patient_id=patient.pk):
        at = signature.at_site
        for words in (signature.printed_name, f"{at:%d-%b-%Y %H:%M:%S} {at.isoformat()[-6:]}", "Review"):
            assert paper.holds(words)
    for query in Query.objects.filter(patient=patient):
        assert paper.holds(str(query.text))
    for message in QueryMessage.objects.filter(query__patient=patient):
        assert paper.holds(message.text)
    for words in ("Headache after lunch", "Went away by itself", "Invalidated by a later change"):
        assert paper.holds(words)


def test_what_changed_since_entry_is_marked_with_its_original(trial, doctor, patient):
    """Annex 11 §8.2: the item, its first value, the number of changes and the author; nothing else is marked."""
    part = PatientPaper(patient, Audience.nobody(trial)).content()
    forms = [form for visit in part["visits"] for form in visit["forms"]]
    marked = [(row["label"], row["value"], row["past"]) for form in forms for group in form["groups"]
              for row in group["rows"] if "past" in row]  # fmt: skip
    labels = [label for label, _value, _past in marked]
    assert labels[:1] == ["Height"]
    assert {"Body mass index", "Predicted body weight"} >= set(labels[1:])
    _label, value, past = marked[0]
    assert value.startswith("165.5 cm")
    assert past["original"] == display(
        first_value(patient, "demography", "height"), item(patient, "demography", "height")
    )
    assert (past["times"], past["reason"]) == (1, "Transcription error: see chart")
    assert doctor.full_name in past["last"]


def first_value(patient, form: str, name: str):
    rows = (
        history_model(Record)
        ._default_manager.filter(history_patient=patient.pk, form=form)
        .order_by("history_id")
    )
    return rows.first().values[name]


def test_a_value_that_was_blank_when_the_form_was_complete_is_marked(trial, doctor):
    """Annex 11 §8.2: a value filled in later counts as changed, with a blank first value."""
    found = build.enrolled(trial=trial, investigator=doctor)
    record = Record.objects.get(patient=found, form="demography")
    with acting(user=doctor, role="investigator", reason="arranging"):
        values = dict(record.values)
        weight = values.pop("weight")
        Record.objects.filter(pk=record.pk).update(values=values)
        Record.objects.filter(pk=record.pk).update(values={**values, "weight": weight})
    part = PatientPaper(found, Audience.nobody(trial)).content()
    rows = [row for visit in part["visits"] for form in visit["forms"] for group in form["groups"]
            for row in group["rows"] if row["label"] == "Weight at screening"]  # fmt: skip
    assert rows[0]["past"]["times"] == 2


def test_what_was_verified_or_reviewed_is_shown_beside_it(trial, patient, tmp_path):
    """Until a later change undoes the mark."""
    record = Record.objects.get(patient=patient, form="demography")
    monitor = build.user("monitor", trial=trial)
    doctor = build.user("investigator", trial=trial)
    with acting(user=monitor, role="monitor"):
        seen = [SeenVersion(record.pk, record.version, ("age", "height"))]
        source_verification.verify(patient=patient, seen=seen, by=monitor, role="monitor")
    with acting(user=doctor, role="investigator"):
        seen = [SeenVersion(record.pk, record.version, (WHOLE,))]
        medical_review.review(patient=patient, seen=seen, by=doctor, role="investigator")
    form = demography(trial, patient)
    assert [row["label"] for row in form["groups"][0]["rows"] if row["verified"]] == [
        "Age at consent",
        "Height",
    ]
    assert dict(form["facts"])["Reviewed"].endswith(doctor.full_name)
    assert book(trial, tmp_path, patient=patient.code).holds("✓")
    amend(record, doctor, "Read again", height="166")
    form = demography(trial, patient)
    assert [row["label"] for row in form["groups"][0]["rows"] if row["verified"]] == ["Age at consent"]
    assert "Reviewed" not in dict(form["facts"])


def test_the_change_of_an_event_or_infusion_is_shown_beside_its_fact(trial, doctor, patient):
    """Annex 11 §8.2: the infusion with its visit, every first value below the current one."""
    with acting(user=doctor, role="investigator", reason="heard wrong"):
        AdverseEvent.objects.filter(patient=patient).update(term="Migraine after lunch")
        Infusion.objects.filter(patient=patient, number=1).update(premedication="Paracetamol")
        Infusion.objects.filter(patient=patient, number=1).update(premedication="Paracetamol 1 g")
    part = PatientPaper(patient, Audience.nobody(trial)).content()
    assert part["infusions"] == []
    (visit,) = (visit for visit in part["visits"] if visit["title"].startswith("INF1"))
    changed = {
        label: (value, past["original"])
        for each in (*visit["infusions"], *part["events"])
        for label, value, past in each["facts"]
        if past
    }
    assert changed == {
        "Event": ("Migraine after lunch", "Headache after lunch"),
        "Premedication": ("Paracetamol 1 g", "Paracetamol"),
    }
    assert [each["past"] for each in (*visit["infusions"], *part["events"])] == [[], []]


def test_every_page_says_whose_it_is_and_which_of_how_many(trial, patient, tmp_path):
    """P11-02, CTL-03: trial, subject, version, page x of y, when, by whom and the hash of the data."""
    person = build.user("data_manager", trial=trial)
    paper = book(trial, tmp_path, patient=patient.code, user=person.get_username())
    count = len(paper.pages)
    assert count > 5
    for number, page in enumerate(paper.pages, start=1):
        assert f"Page {number} of {count}" in page
        for words in ("NCT04445454", "Protocol version 1.0", person.full_name, "SHA-256 of the data"):
            assert words in page, (number, words)
        assert patient.code in page or number <= 2


def test_the_document_is_tagged_and_has_title_and_language(trial, patient, tmp_path):
    """PDF/UA-1: screen readers find headings, tables with headers, title and language."""
    paper = book(trial, tmp_path, patient=patient.code)
    assert paper.root["/Lang"] == "en"
    assert paper.root["/MarkInfo"]["/Marked"]
    assert paper.root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert paper.reader.metadata.title == f"NCT04445454: Casebook of patient {patient.code}"
    assert b"pdfuaid:part>1<" in paper.root["/Metadata"].get_data()
    tags = paper.structure()
    assert {"/H1", "/H2", "/H3", "/Table", "/TH", "/TD"} <= set(tags)


def test_the_same_data_give_the_same_bytes(trial, patient, tmp_path):
    """REL-09: nothing random; the fonts come with the compositor."""
    content = {**head(Audience.nobody(trial), [patient.code]), "parts": []}
    content["parts"] = [PatientPaper(patient, Audience.nobody(trial)).content()]
    plain = json.loads(json.dumps(content, default=str))
    made = {"at": "now", "by": "me", "sha256": "0" * 64, "version": "0", "timestamp": 1_700_000_000}
    assert compositor.pdf("casebook", plain, made) == compositor.pdf("casebook", plain, made)


class TestBlind:
    @pytest.fixture
    def masked(self):
        return build.trial(build.COVID_MSV)

    def test_without_a_name_the_blind_is_kept(self, masked, tmp_path):
        """BLD-01: a command without a user prints no product, and the paper says so."""
        found = build.enrolled(trial=masked)
        paper = book(masked, tmp_path, patient=found.code)
        assert paper.holds("The blind is kept: this copy holds no arm, donor, lot or dose.")
        assert not paper.holds("This copy holds the treatment")

    def test_identities_are_never_printed_even_for_those_who_see_them(self, trial, tmp_path):
        """PRV-01: neither in the facts nor in the trail."""
        found = build.patient(trial=trial, name="Perceval Quatremarre", hospital_number="HN-77-QQ")
        person = build.user("inspector", trial=trial)
        paper = book(trial, tmp_path, patient=found.code, user=person.get_username())
        assert not paper.holds("Quatremarre")
        assert not paper.holds("HN-77-QQ")


def cost(patient, trial) -> int:
    audience = Audience.nobody(trial)
    with CaptureQueriesContext(connection) as queries:
        PatientPaper(patient, audience).content()
    return len(queries)


def test_gathering_costs_the_same_however_much_was_captured(trial, doctor):
    """The number of statements depends on the tables, not on their rows."""
    found = build.enrolled(trial=trial, investigator=doctor)
    for _each in range(2):
        build.event(patient=found, by=doctor)
    few = cost(found, trial)
    for repeat in range(1, 6):
        record = Record.objects.filter(patient=found, form="demography").get()
        amend(record, doctor, "Again", height=f"16{repeat}.5")
        build.event(patient=found, by=doctor)
    assert cost(found, trial) == few
    # Nine of them: what the ward recorded, and the samples.
    assert few <= 42


def test_memory_does_not_grow_with_the_patients_of_a_trial(trial, doctor):
    """Patients are read one by one; only the trial's rows are kept between them."""
    audience = Audience.nobody(trial)
    before = {model: len(rows) for model, rows in audience.reader.rows.items()}
    for _each in range(3):
        found = build.patient(trial=trial, by=doctor)
        PatientPaper(found, audience).content()
    assert {model: len(rows) for model, rows in audience.reader.rows.items()} == before
