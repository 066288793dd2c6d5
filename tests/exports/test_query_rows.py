"""`queries.csv` of the export and of the listing name visit, day, row and value of what each query is about."""

import csv
import io
from datetime import date

import pytest
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from exports.tables.columns import reader_of
from exports.tables.queries import queries_with_rows
from exports.tables.study_columns import COLUMNS
from patients.casebook.facts import KINDS, Fact
from patients.models import Patient
from patients.participation.disposition import end_study
from patients.participation.logs.contacts import ContactFacts, add_contact
from patients.queries import threads
from tests.support import build
from tests.support.study import samples
from tests.support.study.bedside import INCLUDED, give, on, stored
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

EXPECTED = {
    # item asked about: (number of the row, visit, day, value)
    "grade": ("1", "", "2026-03-12", "1"),
    "volume_ml": ("1", "INF1", "2026-03-10T10:00", "100.00"),
    "version": ("", "", "2026-03-10", None),
    "conclusion": ("", "", "2026-03", "eligible"),
    "end_note": ("", "", "2026-03-30", "Moved"),
    "outcome": ("1", "", "2026-03-29", "no_answer"),
    "collected_by": ("1", "INF1", "2026-03-10T09:30", "Nurse"),
}
UNANSWERED = ContactFacts(
    tried_on=date(2026, 3, 29), way="phone", tried_by="Nurse", outcome="no_answer", note=""
)


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial)


@pytest.fixture
def asked(trial: Trial, monitor: User, nurse: User, doctor: User) -> Patient:
    """Return a patient with a query on a fact of every kind."""
    patient = build.enrolled(trial=trial, on=INCLUDED)
    event = build.event(patient=patient)
    with acting(user=nurse, role="coordinator"):
        give(patient, 1, on("10-Mar-2026"), nurse)
    with acting(user=doctor, role="investigator"):
        visit = patient.visits.get(code="INF1")
        visit.patient = patient
        taken = samples.clock(patient, INCLUDED, "09:30")
        sample = samples.collected(visit, doctor, "CYTOKINE", at=taken, aliquots=1)
        contact = add_contact(patient=patient, facts=UNANSWERED, by=doctor)
        end_study(patient=patient, on=trial.today, reason="withdrawal", note="Moved", by=doctor)
    rows = {
        "grade": ("adverse_event", event),
        "volume_ml": ("infusion", stored(patient, 1)),
        "version": ("consent", patient.consents.first()),
        "conclusion": ("eligibility", patient.eligibility_decisions.last()),
        "end_note": ("disposition", patient),
        "outcome": ("contact", contact),
        "collected_by": ("sample", sample),
    }
    assert {target for target, _row in rows.values()} == set(KINDS)
    with acting(user=monitor, role="monitor"):
        for item, (target, row) in rows.items():
            (fresh,) = KINDS[target].rows([row.pk])
            fact = Fact(KINDS[target], fresh, item)
            threads.raise_fact_query(fact=fact, text="Sure?", origin="monitor", by=monitor, role="monitor")
    return Patient.objects.get(pk=patient.pk)


def found(rows: list[dict[str, str]], number: str) -> dict[str, tuple[str, str, str, str]]:
    return {row["item"]: (row[number], row["visit"], row["day"], row["value"]) for row in rows}


def compare(patient: Patient, rows: dict[str, tuple[str, str, str, str]]) -> None:
    version = patient.consents.first().version
    assert set(rows) == set(EXPECTED)
    for item, (number, visit, day, value) in EXPECTED.items():
        assert rows[item][:2] == (number, visit)
        assert rows[item][2].startswith(day)
        assert rows[item][3] == (value or version)


def test_the_export_names_what_every_query_is_about(asked, trial):
    columns = COLUMNS["queries"]
    names = [column.name for column in columns]
    rows = [
        {name: "" if value is None else str(value) for name, value in zip(names, row, strict=True)}
        for row in reader_of(queries_with_rows(trial).order_by("pk"), columns)()
    ]
    compare(asked, found(rows, "about_number"))
    assert {row["visit_date"] for row in rows} == {"", "2026-03-10"}


def test_the_listing_names_the_same(asked, trial, monitor):
    page = build.client(monitor).get(reverse("patients:queries", args=[trial.slug]), {"format": "csv"})
    text = b"".join(page.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    compare(asked, found(rows, "row"))


def test_the_page_shows_the_day_beside_the_visit(asked, trial, monitor):
    page = build.client(monitor).get(reverse("patients:queries", args=[trial.slug])).content.decode()
    for words in ("INF1 · 10-Mar-2026", "12-Mar-2026", "29-Mar-2026", "30-Mar-2026"):
        assert words in page
