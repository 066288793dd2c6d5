"""Search finds patients, forms, visits and adverse events of the trial, without unblinding or identifying."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from audit.models import AccessEvent
from audit.stored_text import system_text
from dosing.models import ProductDeviation
from patients.models import Identity
from patients.participation.deviation_log.deviations import open_deviation
from reports.search.views import MOST, cleaned, find
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study import cohort
from tests.support.study.deviations import added
from trials.access import access_to

pytestmark = pytest.mark.django_db

SEARCH = f"/trials/{build.LIEGE}/search/"


def found(text: str, trial, role: str = "coordinator"):
    access = access_to(user=build.user(role, trial=trial), slug=trial.slug)
    assert access is not None
    return find(access, text)


def names(hits) -> list[str]:
    return [hit.name for hit in hits]


def search(text: str, trial, role: str = "coordinator"):
    return build.client(build.user(role, trial=trial)).get(SEARCH, {"q": text})


def medication(patient, name: str) -> None:
    build.record(patient, "medication", {"name": name}, visit=None, draft=True)


def test_the_whole_code_opens_the_casebook_at_once(trial):
    cohort.patients(trial, 1)
    assert search("lie-001", trial)["Location"] == f"/trials/{build.LIEGE}/patients/LIE-001/"


def test_a_part_of_a_code_finds_the_patients(trial):
    cohort.patients(trial, 3)
    assert names(found("002", trial).patients) == ["LIE-002"]
    assert names(found("lie", trial).patients) == ["LIE-001", "LIE-002", "LIE-003"]


def test_a_form_is_found_by_its_title_at_the_latest_visits(trial):
    cohort.patients(trial, 1)
    hits = found("vital signs", trial).places
    assert hits
    assert all(hit.name.startswith("LIE-001 ") and hit.name.endswith("– Vital signs") for hit in hits)


def test_a_form_is_found_in_another_language_without_its_accents(trial):
    cohort.patients(trial, 1)
    assert names(found("demographie", trial).places) == ["LIE-001 SCR – Demography"]


def test_a_code_and_a_form_and_a_visit_name_one_place(trial):
    cohort.patients(trial, 2)
    hits = found("LIE-002 D7 vital", trial).places
    assert [hit.url for hit in hits][:1] == [f"/trials/{build.LIEGE}/patients/LIE-002/visits/D7/vitals/"]


def test_a_visit_is_found_by_its_code(trial):
    cohort.patients(trial, 1)
    assert names(found("D14", trial).places) == ["LIE-001 D14"]


def test_an_adverse_event_is_found_by_a_part_of_its_term(trial):
    patient = build.enrolled(trial=trial)
    build.event(patient=patient, term="Deep vein thrombosis")
    assert names(found("VEIN", trial).events) == [f"{patient.code} AE 1 – Deep vein thrombosis"]


class TestDeviations:
    @pytest.fixture
    def patient(self, trial):
        return build.enrolled(trial=trial)

    def names(self, text: str, trial, role: str = "monitor") -> list[str]:
        return names(found(text, trial, role).deviations)

    def test_one_is_found_by_its_number_a_word_and_its_patient(self, trial, patient):
        nurse = build.user("coordinator", trial=trial)
        added(patient, nurse, description="The freezer was open during the night")
        added(build.enrolled(trial=trial), nurse, description="Le congélateur")
        first, second = "LIE-001 D-1 – ", "LIE-002 D-1 – "
        assert [name[:14] for name in self.names("D-1", trial)] == [second, first]
        assert [name[:14] for name in self.names("d-1 lie-001", trial)] == [first]
        assert [name[:14] for name in self.names("FREEZER", trial)] == [first]
        assert [name[:14] for name in self.names("Congelateur", trial)] in ([second], [])
        assert [name[:14] for name in self.names("congélateur", trial)] == [second]
        assert [name[:14] for name in self.names("LIE-002 deviation", trial)] == [second]
        assert self.names("D-2", trial) == []

    def test_a_sentence_of_the_system_is_found_in_the_words_of_the_reader(self, trial, patient):
        with acting(system="test"):
            open_deviation(
                patient=patient,
                category="assessment",
                source=patient.visits.get(code="D1"),
                on=trial.today,
                text=system_text("deviation.visit_missed", visit="D1"),
                by=None,
            )
        assert [name[:14] for name in self.names("was missed", trial)] == ["LIE-001 D-1 – "]
        assert self.names("deviation.visit_missed", trial) == []

    def test_every_result_leads_to_its_page(self, trial, patient):
        added(patient, build.user("coordinator", trial=trial))
        added(patient, build.user("cell_laboratory", trial=trial), log=ProductDeviation, category="other")
        browser = build.client(build.user("monitor", trial=trial))
        hits = found("deviation", trial, "monitor").deviations
        assert [name.split()[1] for name in names(hits)] == ["D-1", "P-1"]
        for hit in hits:
            assert hit.name.split()[1] in words(browser.get(hit.url))

    def test_those_of_the_product_of_a_masked_trial_only_for_who_may_know(self):
        """BLD-01."""
        masked = build.trial(build.COVID_MSV)
        patient = build.patient(trial=masked)
        laboratory = build.user("cell_laboratory", trial=masked)
        added(patient, laboratory, log=ProductDeviation, category="other", description="Thawed twice")
        for text in ("P-1", "thawed", "deviation"):
            for role in ("coordinator", "investigator", "monitor", "data_manager", "administrator"):
                assert self.names(text, masked, role) == []
            assert [name.split()[1] for name in self.names(text, masked, "statistician")] == ["P-1"]

    def test_those_of_another_trial_are_not_found(self, trial):
        other = build.twin()
        added(build.patient(trial=other), build.user(trial=other))
        assert self.names("D-1", trial) == []


def test_every_result_leads_to_a_page(trial):
    cohort.patients(trial, 1)
    person = build.user("coordinator", trial=trial)
    browser = build.client(person)
    access = access_to(user=person, slug=trial.slug)
    for text in ("LIE", "vital", "D7", "fever", "pyrexia", "headache"):
        results = find(access, text)
        for hit in [*results.patients, *results.places, *results.events]:
            code, *named = hit.name.split()
            shown = set(words(browser.get(hit.url)).split())
            # The page of a visit has its title, which the result notes beside the code that was searched.
            title = hit.note.partition(",")[0].split()
            assert code in shown, hit
            assert not named or named[-1] in shown or set(title) <= shown, hit


def test_each_kind_of_result_is_cut(trial):
    cohort.patients(trial, MOST + 3)
    results = found("LIE", trial)
    assert len(results.patients) == MOST
    assert len(found("vital", trial).places) == MOST


def test_another_trial_is_not_searched(trial):
    cohort.patients(build.trial(build.COVID_MSV), 1)
    results = found("VAL-001", trial)
    assert not results.any
    assert not found("pyrexia", trial).any


def test_a_blinded_reader_finds_no_lot_and_no_donor():
    """BLD-01: lots and donors are product data."""
    masked = build.trial(build.COVID_MSV)
    cohort.patients(masked, 1)
    for role in ("coordinator", "investigator", "monitor", "data_manager", "administrator"):
        assert not found("LOT-001", masked, role).products
        assert not found("D-17", masked, role).products
    assert names(found("LOT-001", masked, "cell_laboratory").products) == ["VAL-001 infusion 1"]


def test_everybody_finds_a_lot_in_an_open_trial(trial):
    cohort.patients(trial, 1)
    assert len(found("lot-001", trial, "monitor").products) == 3


def test_a_name_or_a_hospital_number_is_not_searched(trial):
    """PRV-01: identities are kept apart from the clinical data."""
    build.patient(trial=trial, name="Marie Dubois", hospital_number="HN-4711")
    assert not found("Dubois", trial).any
    assert not found("HN-4711", trial, "investigator").any


def test_the_number_of_queries_does_not_grow_with_the_results(trial):
    browser = build.client(build.user("coordinator", trial=trial))
    counts = []
    for more in (1, 2):
        cohort.patients(trial, more)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(SEARCH, {"q": "LIE vital"}).status_code == 200
            counts.append(len(captured))
            assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    assert counts[0] == counts[1] <= 15


@pytest.mark.parametrize(
    "text", ["", "   ", "%", "_", "'", "\x00", "<script>", "é" * 400, "LIE-", "🦠", "D7 D14", "("]
)
def test_any_text_is_answered(trial, text):
    cohort.patients(trial, 1)
    response = search(text, trial)
    assert response.status_code == 200
    assert b"<script>alert" not in response.content


def test_a_percent_sign_finds_nothing(trial):
    cohort.patients(trial, 1)
    assert not found("%", trial).any


def test_text_is_cut_to_one_printable_line():
    assert cleaned(" a\x00b\n c ") == "ab c"
    assert len(cleaned("x" * 500)) == 100


def by_number(trial, number: str, role: str = "coordinator"):
    return build.client(build.user(role, trial=trial)).post(SEARCH, {"person": number})


def test_the_whole_hospital_number_opens_the_casebook_and_is_recorded(trial):
    """PRV-04, PRV-05: sent by POST; the resulting URL holds no identifier, and the search is in the trail."""
    patient = build.patient(trial=trial, hospital_number="HN-4711")
    response = by_number(trial, " HN-4711 ")
    assert response["Location"] == f"/trials/{build.LIEGE}/patients/{patient.code}/"
    event = AccessEvent.objects.get(kind="identity_seen")
    assert (event.patient_id, event.detail["found"]) == (patient.pk, True)
    assert "4711" not in str(event.detail)


def test_a_part_of_a_hospital_number_finds_nobody_and_is_recorded(trial):
    build.patient(trial=trial, hospital_number="HN-4711")
    assert by_number(trial, "HN-47")["Location"] == SEARCH
    assert AccessEvent.objects.get(kind="identity_seen").detail["found"] is False


def test_an_empty_hospital_number_finds_nobody(trial):
    build.patient(trial=trial)
    assert Identity.objects.filter(hospital_number="").exists()
    assert by_number(trial, " ")["Location"] == SEARCH
    assert not AccessEvent.objects.filter(kind="identity_seen").exists()


def test_a_person_is_found_by_words_of_the_name_whatever_their_accents(trial):
    """PRV-04, PRV-05"""
    patient = build.patient(trial=trial, name="DUBOIS, Jéanne-Marie")
    build.patient(trial=trial, name="Anna Duval")
    for typed in ("jeanne dubois", "Dub", "marie"):
        assert by_number(trial, typed)["Location"].endswith(f"/patients/{patient.code}/")
    event = AccessEvent.objects.filter(kind="identity_seen").first()
    assert (event.patient_id, event.detail["found"]) == (patient.pk, True)
    assert by_number(trial, "ubois")["Location"] == SEARCH
    assert by_number(trial, "d")["Location"] == SEARCH


def test_several_people_are_listed_and_each_is_recorded(trial):
    first, second = (build.patient(trial=trial, name=name) for name in ("Anna Duval", "Jo Dubois"))
    html = by_number(trial, "du").content.decode()
    assert html.index(f">{first.code}<") < html.index("Anna Duval") < html.index(f">{second.code}<")
    seen = AccessEvent.objects.filter(kind="identity_seen")
    assert set(seen.values_list("patient_id", flat=True)) == {first.pk, second.pk}


def test_a_row_of_a_log_is_found_by_a_word_of_its_answers(trial):
    first, second = build.enrolled(trial=trial), build.enrolled(trial=trial)
    for patient in (first, second):
        medication(patient, "Paracétamol oral")
    hits = found("paracét", trial, "monitor").rows
    assert [hit.note for hit in hits] == ["Paracétamol oral"] * 2
    assert {hit.name.split(" ")[0] for hit in hits} == {first.code, second.code}
    [only] = found(f"{first.code} oral", trial).rows
    assert only.url == f"/trials/{trial.slug}/patients/{first.code}/logs/medication/1/"


def test_the_name_of_an_item_or_a_short_text_finds_no_row(trial):
    medication(build.enrolled(trial=trial), "Paracetamol")
    assert not found("Pa", trial).rows
    assert not found("route", trial).rows


@pytest.mark.parametrize(
    "role", ["monitor", "data_manager", "cell_laboratory", "statistician", "administrator"]
)
def test_who_may_not_see_identities_cannot_ask(trial, role):
    build.patient(trial=trial, hospital_number="HN-4711")
    assert by_number(trial, "HN-4711", role).status_code == 403
    assert 'name="person"' not in search("x", trial, role).content.decode()


def test_a_patient_of_another_trial_is_not_found(trial):
    build.patient(trial=build.trial(build.COVID_MSV), hospital_number="HN-4711")
    assert by_number(trial, "HN-4711")["Location"] == SEARCH
