"""What is typed on a page of a patient is kept for its author until it is saved: infusions, events, consents, steps."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.models import Infusion
from patients.models import Consent, Draft
from patients.participation.questions import CONFIRMED
from patients.queries import threads
from safety.models import AdverseEvent, EventDraft
from tests.support import build
from tests.support.pages.event_forms import page as event_page
from tests.support.pages.event_forms import typed
from tests.support.pages.infusions import FIRST, bedside, product, weighed
from tests.support.pages.infusions import page as infusion_page
from tests.support.study.bedside import give, on

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
KEEP, DISCARD = "?keep=1", "?discard=1"


@pytest.fixture
def patient():
    return build.enrolled(trial=build.trial(build.COVID_MSV))


@pytest.fixture
def nurse(patient):
    return build.user("coordinator", trial=patient.trial)


@pytest.fixture
def ward(nurse):
    return build.client(nurse)


def step(patient, name: str, *more) -> str:
    return reverse(f"patients:{name}", args=[patient.trial.slug, patient.code, *more])


def kept(client, address: str, data: dict) -> str:
    """Send what is typed as the script does; return what the page then says."""
    response = client.post(address + KEEP, data)
    assert response.status_code == 200
    return response.json()["kept"]


def shown(client, address: str):
    """Open the page and return its form."""
    response = client.get(address)
    assert response.status_code == 200
    return response.context["form"]


class TestInfusion:
    def test_an_infusion_typed_at_the_bedside_is_there_after_the_tab_was_closed(self, patient, ward):
        """REL-13: nothing is stored in the infusion before the save, and the save ends the draft."""
        address = infusion_page(patient)
        assert kept(ward, address, bedside(volume_ml="10")).startswith("Kept ")
        row = Infusion.objects.get(patient=patient, number=1)
        assert (row.state, row.weight_kg, row.history.filter(state="given").count()) == ("planned", None, 0)
        form = shown(ward, address)
        assert form["volume_ml"].value() == "10"
        assert form["started"].value() == f"{FIRST} 10:00"
        assert form["interrupted"].value() == "N"
        assert not form.is_bound
        assert "did not save is shown below" in ward.get(address).content.decode()

    def test_a_draft_is_of_one_person(self, patient, ward):
        kept(ward, infusion_page(patient), bedside())
        other = build.client(build.user("coordinator", trial=patient.trial))
        assert shown(other, infusion_page(patient))["volume_ml"].value() is None

    def test_a_save_ends_the_draft_and_a_refused_one_keeps_what_was_typed(self, patient, ward):
        """REL-13: a draft of a save that was refused is there when the page is opened again."""
        address = infusion_page(patient, "weight")
        kept(ward, address, weighed(weight_kg="82"))
        refused = ward.post(address, weighed(weight_kg="8x"))
        assert refused.status_code == 422
        assert shown(ward, address)["weight_kg"].value() == "8x"
        day = f"{patient.trial.today - timedelta(days=1):%d-%b-%Y}"
        assert ward.post(address, weighed(day, weight_kg="70")).status_code == 302
        assert not Draft.objects.exists()

    def test_discarding_shows_the_stored_values(self, patient, ward):
        address = infusion_page(patient)
        kept(ward, address, bedside())
        response = ward.post(address + DISCARD)
        assert (response.status_code, response["Location"]) == (302, address)
        assert shown(ward, address)["volume_ml"].value() is None
        assert not Draft.objects.exists()

    def test_a_page_on_which_nothing_is_typed_keeps_nothing(self, patient, ward):
        blank = dict.fromkeys(bedside(), "") | {"version": "1"}
        assert kept(ward, infusion_page(patient), blank) == "Not saved yet"
        assert not Draft.objects.exists()

    def test_the_change_of_an_infusion_opens_with_what_was_typed_and_meets_the_change_of_another(
        self, patient, ward, nurse
    ):
        """DAT-11: the draft keeps the version with which it began, so both values are shown at its save."""
        day = patient.enrolled_on.strftime("%d-%b-%Y")
        with acting(user=nurse, role="coordinator", origin="web"):
            given = give(patient, 1, on(day, weight_kg=Decimal(70)), nurse)
        address = infusion_page(patient)
        changed = shown(ward, f"{address}?change=1").initial | {"volume_ml": "77", "reason": "source"}
        kept(ward, address, changed | {"version": str(given.version)})
        other = on(day, weight_kg=Decimal(70), premedication="Paracetamol")
        with acting(user=nurse, role="coordinator", origin="web"):
            give(patient, 1, other, nurse, reason="Forgotten")
        form = shown(ward, address)
        assert (form["volume_ml"].value(), form["version"].value()) == ("77", str(given.version))
        response = ward.post(address, {name: form[name].value() or "" for name in form.fields})
        assert response.status_code == 409
        assert ("Premedication", "Paracetamol", "None") in response.context["differences"]

    def test_product_data_are_kept_under_the_right_to_see_them(self, patient, ward):
        """CEL-18: a blinded person neither keeps nor reads a draft of the product."""
        pharmacist = build.client(build.user("cell_laboratory", trial=patient.trial))
        address = infusion_page(patient, "preparation")
        kept(pharmacist, address, product(lot="L-SECRET"))
        assert shown(pharmacist, address)["bags"].value() == "L-SECRET/1"
        assert ward.get(address).status_code == 403
        assert ward.post(address + KEEP, product()).status_code == 403
        for page in (
            infusion_page(patient),
            reverse("reports:casebook", args=[patient.trial.slug, patient.code]),
        ):
            assert "L-SECRET" not in ward.get(page).content.decode()


class TestEvent:
    def test_the_draft_of_a_change_starts_no_clock_and_changes_nothing(self, patient, ward):
        """CLK-04: an event that is being amended to serious is not serious before the save."""
        event = build.event(patient=patient, grade=2)
        before = AdverseEvent.objects.filter(pk=event.pk).values().get()
        history = event.history.count()
        data = typed(patient, term="Sepsis", grade="4", seriousness=["life_threatening"], version="1")
        kept(ward, event_page(event, "amend"), data)
        assert AdverseEvent.objects.filter(pk=event.pk).values().get() == before
        assert event.history.count() == history
        assert not EventDraft.objects.exists()
        form = shown(ward, event_page(event, "amend"))
        assert (form["term"].value(), form["seriousness"].value()) == ("Sepsis", ["life_threatening"])

    def test_a_saved_change_ends_its_draft(self, patient, ward):
        event = build.event(patient=patient, grade=2)
        address = event_page(event, "amend")
        data = typed(patient, term="Sepsis", grade="3", version="1", reason="new_information", reason_text="")
        data.pop("causality")
        kept(ward, address, data)
        offered = shown(ward, address).fields["reason"].choices
        response = ward.post(address, data | {"reason": offered[1][0]})
        assert response.status_code == 302, response.context["form"].errors
        assert not Draft.objects.exists()


class TestSteps:
    @pytest.mark.parametrize(
        ("name", "field", "text"),
        [
            ("consent", "version", "3.1"),
            ("end", "note", "moved abroad"),
            ("deviation-new", "description", "bag thawed twice"),
            ("contact-new", "note", "no answer"),
            ("visit-new", "reason", "fever at night"),
            ("consent-withdraw", "note", "no more samples"),
        ],
    )
    def test_a_step_keeps_what_is_typed(self, patient, ward, name, field, text):
        """REL-13: the steps of a patient keep what is typed like the forms."""
        doctor = build.client(build.user("investigator", trial=patient.trial))
        client = doctor if name == "end" else ward
        kept(client, step(patient, name), {field: text})
        assert shown(client, step(patient, name))[field].value() == text

    def test_a_consent_keeps_its_scan_by_the_key_and_not_the_file(self, patient, ward):
        kept(ward, step(patient, "consent"), {"version": "3.1", "scan_key": "a" * 32})
        [draft] = Draft.objects.all()
        names = [name for name, _text in draft.payload]
        assert "scan_key" in names
        assert "scan" not in names
        assert Consent.objects.filter(patient=patient).count() == 1

    def test_a_decision_is_kept_without_the_password(self):
        """SIG-01: a password is never kept, nor the box that confirms a contradiction."""
        patient = build.patient(trial=build.trial())
        doctor = build.client(build.user("investigator", trial=patient.trial))
        data = {"conclusion": "eligible", "inclusion_on": "t", "password": "my own secret", CONFIRMED: "x"}
        kept(doctor, step(patient, "eligibility"), data)
        [draft] = Draft.objects.all()
        assert dict(draft.payload) == {"conclusion": "eligible", "inclusion_on": "t"}

    def test_identity_is_never_kept_in_a_draft(self, patient):
        """PRV-01: names are stored in their own table only."""
        doctor = build.client(build.user("investigator", trial=patient.trial))
        doctor.post(step(patient, "identity") + KEEP, {"name": "Ada Lovelace"})
        assert not Draft.objects.exists()

    def test_a_draft_of_a_page_is_no_unsaved_form(self, patient, ward, nurse):
        """The counts of an amendment name the forms with unsaved input, and no other page."""
        kept(ward, step(patient, "contact-new"), {"note": "no answer"})
        [draft] = Draft.objects.all()
        assert draft.place == "page:contacts/new/"


class TestMessages:
    """REL-13: a message on a query is kept wherever it is typed, and ends with its sending."""

    @pytest.fixture
    def query(self, patient):
        record = patient.records.get(form="demography")
        monitor = build.user("monitor", trial=patient.trial)
        with acting(user=monitor, role="monitor"):
            return threads.raise_query(
                record=record, item="age", text="Sure?", origin="monitor", by=monitor, role="monitor"
            )

    @pytest.fixture
    def pages(self, patient, query) -> dict[str, str]:
        names = {name: reverse(f"patients:{name}", args=[patient.trial.slug, query.pk])
                 for name in ("query", "query-answer")}  # fmt: skip
        form = reverse("patients:form", args=[patient.trial.slug, patient.code, "SCR", "demography"])
        return {**names, "form": f"{form}?field=age"}

    def test_an_answer_is_there_on_the_thread_and_beside_the_field(self, ward, pages):
        assert kept(ward, pages["query-answer"], {"text": "I look it up"}).startswith("Kept ")
        assert shown(ward, pages["query"])["text"].value() == "I look it up"
        assert "I look it up</textarea>" in ward.get(pages["form"]).content.decode()
        assert f'data-keep="{pages["query-answer"]}?keep=1"' in ward.get(pages["query"]).content.decode()

    def test_a_message_that_was_sent_is_kept_no_more(self, ward, pages, query):
        kept(ward, pages["query-answer"], {"text": "Yes"})
        assert ward.post(pages["query-answer"], {"text": "Yes, 54"}).status_code == 302
        assert not Draft.objects.exists()
        query.refresh_from_db()
        assert query.state == "answered"

    def test_a_message_sent_beside_the_field_is_kept_no_more(self, ward, pages):
        kept(ward, pages["query-answer"], {"text": "Yes"})
        sent = ward.post(pages["query-answer"], {"text": "Yes, 54"}, headers={"HX-Request": "true"})
        assert sent.status_code == 200
        assert not Draft.objects.exists()

    def test_it_is_discarded_from_the_thread(self, ward, pages):
        kept(ward, pages["query-answer"], {"text": "Yes"})
        answer = ward.post(pages["query-answer"] + DISCARD)
        assert answer.status_code == 302
        assert shown(ward, answer["Location"])["text"].value() is None

    def test_another_person_reads_nothing_of_it(self, ward, pages, patient):
        kept(ward, pages["query-answer"], {"text": "I look it up"})
        monitor = build.client(build.user("monitor", trial=patient.trial))
        assert "I look it up" not in monitor.get(pages["form"]).content.decode()

    def test_a_question_about_a_fact_is_kept(self, patient):
        consent = Consent.objects.get(patient=patient)
        args = [patient.trial.slug, patient.code, "consent", consent.pk, "given"]
        page, monitor = reverse("patients:fact", args=args), build.user("monitor", trial=patient.trial)
        kept(build.client(monitor), page, {"text": "Which day?"})
        assert "Which day?</textarea>" in build.client(monitor).get(page).content.decode()


class TestAssessment:
    def test_a_causality_is_kept_without_the_password(self, patient):
        """SIG-01, REL-13: the box “assess and sign” keeps the answer; a password is never kept."""
        nurse = build.user("coordinator", trial=patient.trial)
        event = build.event(patient=patient, by=nurse, causality="")
        doctor = build.client(build.user("investigator", trial=patient.trial))
        kept(
            doctor, event_page(event), {"causality": "possible", "password": "my own secret", "version": "1"}
        )
        [draft] = Draft.objects.all()
        assert dict(draft.payload) == {"causality": "possible", "version": "1"}
        assert shown(doctor, event_page(event))["causality"].value() == "possible"
        assert AdverseEvent.objects.get(pk=event.pk).causality == ""

    def test_a_password_alone_is_kept_nowhere(self, patient):
        """SIG-01."""
        event = build.event(patient=patient)
        doctor = build.client(build.user("investigator", trial=patient.trial))
        doctor.post(event_page(event) + KEEP, {"password": "my own secret", "version": "1"})
        assert not Draft.objects.exists()
        assert event.history.count() == 1


class TestPagesOfTheTrial:
    """REL-13: a page without a patient keeps what is typed under its own address."""

    @pytest.fixture
    def page(self, patient) -> str:
        return reverse("patients:prescreening-new", args=[patient.trial.slug])

    def test_a_row_of_the_prescreening_log_is_kept_until_it_is_recorded(self, ward, page):
        kept(ward, page, {"people": "3", "note": "From another ward", "save_key": "k1"})
        assert shown(ward, page)["note"].value() == "From another ward"
        kept(ward, page, {"people": "3", "note": "From ward 7", "save_key": "k1"})
        assert Draft.objects.filter(patient=None).count() == 1
        typed_in = {"considered_on": "10-Mar-2021", "people": "3", "outcome": "not_approached",
                    "reason": "criteria", "note": "From ward 7", "save_key": "k1"}  # fmt: skip
        assert ward.post(page, typed_in).status_code == 302
        assert not Draft.objects.exists()

    def test_another_person_reads_nothing_of_it(self, ward, page, patient):
        kept(ward, page, {"people": "3", "note": "From another ward"})
        other = build.client(build.user("coordinator", trial=patient.trial))
        assert shown(other, page)["note"].value() is None
        other.post(page + DISCARD)
        assert Draft.objects.count() == 1
