"""Pages of redactions: from an entry of the trail to the mask on every page, in files and in the search (AUD-12)."""

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import Redaction
from audit.sealing import seals
from dosing.models import ProductDeviation
from patients.models import Deviation, Query
from patients.participation.consents.consent import record_consent
from protocol.values.moments import Moment
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from tests.support.pages.inspecting import plain
from tests.support.study import deviations
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
NAME = "Zacharie Vandermeulen"
WORDS = f"Seen by {NAME} at home"


@pytest.fixture
def people(trial):
    return build.user("data_manager", trial=trial), build.user("investigator", trial=trial)


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial)


@pytest.fixture
def event(patient, people):
    return build.event(patient=patient, by=people[1], description=WORDS)


def ask_page(row) -> str:
    slug = row.patient.trial.slug
    return reverse("reports:redaction-ask", args=[slug, row._meta.label_lower, row.history.last().history_id])


def ask(client, row, **changed):
    fields = {"place": "description.", "text": NAME, "reason": "A relative is named", **changed}
    return client.post(ask_page(row), fields)


def decide_page(trial) -> str:
    return reverse("reports:redaction", args=[trial.slug, Redaction.objects.latest("pk").pk])


def masked(row, people):
    ask(build.client(people[0]), row)
    return build.client(people[1]).post(decide_page(row.patient.trial), {"confirm": "yes"}, follow=True)


def test_an_entry_of_the_trail_leads_to_the_page(trial, event, people):
    """AUD-12: for people who may ask, on entries that hold free text."""
    address = reverse("audit:trail", args=[trial.slug])
    link = ask_page(event)
    assert link in build.client(people[0]).get(address, {"form": "safety.adverseevent"}).content.decode()
    inspector = build.client(build.user("inspector", trial=trial))
    assert "Mask personal data" not in inspector.get(address).content.decode()
    offered = build.client(people[0]).get(address, {"form": "patients.identity"}).content.decode()
    assert "redactions/patients.identity" not in offered


def test_two_persons_mask_a_name(trial, event, people):
    """AUD-12: the first asks, the second is shown the text and masks it."""
    answer = ask(build.client(people[0]), event)
    assert answer["Location"] == reverse("reports:redactions", args=[trial.slug])
    own = build.client(people[0]).get(decide_page(trial)).content.decode()
    assert "another person decides" in own
    assert NAME not in own
    second = build.client(people[1])
    assert NAME in second.get(decide_page(trial)).content.decode()
    done = second.post(decide_page(trial), {"confirm": "yes"}, follow=True)
    assert "The text is masked, in 2 places" in plain(done.content.decode())
    event.refresh_from_db()
    assert event.description == "Seen by ████ at home"


def test_no_page_file_or_search_shows_the_name_afterwards(trial, event, people):
    """AUD-12: history, casebook, trail and its file, search, export and documents show the mask."""
    home, one = f"/trials/{trial.slug}/", build.client(build.user("inspector", trial=trial))
    code = event.patient.code
    pages = [
        f"patients/{code}/adverse-events/{event.number}/", f"patients/{code}/", "trail/", "trail/?format=csv",
        "adverse-events/", "adverse-events/?format=csv", "trail/?search=Vandermeulen", "redactions/",
        "redactions/?format=csv",
    ]  # fmt: skip
    before = blinding.crawl(one, [home + page for page in pages])
    assert [url for url, page in before.items() if NAME.encode() in page]
    masked(event, people)
    found = blinding.crawl(one, [home + page for page in pages])
    found["export"] = blinding.shown(one.post(f"{home}exports/", {"purpose": "Reading"}))
    written = one.post(f"{home}documents/", {"kind": "casebook", "patient": code})["Location"]
    found["casebook"] = blinding.shown(one.get(f"{written}file/"))
    assert [url for url, page in found.items() if not page.startswith(b"200")] == []
    assert [url for url, page in found.items() if NAME.encode() in page] == []
    for place in ("trail/?format=csv", f"patients/{code}/adverse-events/{event.number}/"):
        assert "████".encode() in found[home + place], place
    assert "████".encode() in found["export"]
    assert "████".encode() in found["casebook"]


def test_a_message_of_a_query_is_masked(trial, patient, people):
    """AUD-12: every free text about a patient, not only forms."""
    from patients.models import QueryMessage

    row = deviations.added(
        patient, people[1], log=Deviation, category="other", description=f"{NAME} came late",
        occurred_on=Moment.from_date(trial.today), detected_on=trial.today,
    )  # fmt: skip
    masked(row, people)
    row.refresh_from_db()
    assert str(row.description) == "████ came late"
    assert not Query.objects.filter(text__contains=NAME).exists()
    assert not QueryMessage.objects.filter(text__contains=NAME).exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"text": "Somebody else"}, "does not hold these characters"),
        ({"reason": ""}, "This field is required"),
        ({"reason": f"{NAME} is named"}, "Do not repeat in the reason"),
        ({"place": "nowhere."}, "Select a valid choice"),
    ],
)
def test_what_is_refused_is_said_beside_the_field_and_stays_typed(event, people, changed, told):
    answer = ask(build.client(people[0]), event, **changed)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert changed.get("text", NAME) in answer.content.decode()
    assert not Redaction.objects.exists()


def test_who_asked_cannot_decide(trial, event, people):
    client = build.client(people[0])
    ask(client, event)
    answer = client.post(decide_page(trial), {"confirm": "yes"})
    assert answer.status_code == 422
    assert Redaction.objects.get().state == "asked"


def test_a_refusal_needs_a_reason_and_is_listed(trial, event, people):
    ask(build.client(people[0]), event)
    second = build.client(people[1])
    assert second.post(decide_page(trial), {"refusal": ""}).status_code == 422
    second.post(decide_page(trial), {"refusal": "It is the ward’s name"})
    listed = plain(second.get(reverse("reports:redactions", args=[trial.slug])).content.decode())
    assert "It is the ward’s name" in listed


@pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
def test_roles_without_the_right_are_refused(event, trial, people, role):
    """SEC-01: reading the trail is not enough."""
    ask(build.client(people[0]), event)
    client = build.client(build.user(role, trial=trial))
    expected = 200 if Permission.REDACT in ROLES[role].permissions else 403
    assert client.get(ask_page(event)).status_code == expected
    assert client.get(decide_page(trial)).status_code == expected


def test_a_blinded_person_cannot_reach_a_row_of_the_product(people):
    """BLD-01: neither its page nor its line in the list."""
    masked_trial = build.trial(build.COVID_MSV)
    patient = build.enrolled(trial=masked_trial)
    laboratory, nurse = (build.user(role, trial=masked_trial) for role in ("cell_laboratory", "coordinator"))
    row = deviations.added(
        patient, laboratory, log=ProductDeviation, category="other", description=WORDS,
        occurred_on=Moment.from_date(masked_trial.today), detected_on=masked_trial.today,
    )  # fmt: skip
    assert build.client(nurse).get(ask_page(row)).status_code == 404


def test_a_name_behind_the_right_to_identities_is_shown_only_to_those_who_have_it(trial, people):
    """PRV-01: the name of a representative; neither who asks nor who decides reads it without the right."""
    patient, person = build.patient(trial=trial), build.user("coordinator", trial=trial)
    with acting(user=person, role="coordinator", origin="web"):
        consent = record_consent(
            patient=patient, type="legal_representative", given=build.moment(f"{patient.screened_on:%d-%b-%Y} 08:00"),
            by=person, version=trial.rules.consent.current_version,
            representative_name=NAME, representative_relation="Sister",
        )  # fmt: skip
    place = {"place": "representative_name.", "text": NAME}
    desk, doctor = (build.client(each) for each in people)
    nurse = build.client(person)
    assert NAME not in desk.get(ask_page(consent)).content.decode()
    assert ask(desk, consent, **place).status_code == 422
    assert NAME in nurse.get(ask_page(consent)).content.decode()
    assert ask(nurse, consent, **place).status_code == 302
    assert desk.get(decide_page(trial)).status_code == 404
    assert NAME in doctor.get(decide_page(trial)).content.decode()


def test_an_entry_of_another_trial_is_not_found(event, people):
    """SEC-02."""
    other = build.user("data_manager", trial=build.trial(build.COVID_MSV))
    row = event.history.last()
    page = reverse("reports:redaction-ask", args=[build.COVID_MSV, "safety.adverseevent", row.history_id])
    assert build.client(other).get(page).status_code == 404


def test_a_seal_that_fails_masks_nothing(trial, event, people, monkeypatch):
    """AUD-07: what is masked must have been sealed as it was."""
    from audit.sealing.seal_files import SealBroken

    def broken(**_about):
        raise SealBroken("the file has more seals")

    ask(build.client(people[0]), event)
    monkeypatch.setattr(seals, "seal", broken)
    second = build.client(people[1])
    answer = second.post(decide_page(trial), {"confirm": "yes"})
    event.refresh_from_db()
    assert answer.status_code == 422
    assert "nothing was masked" in answer.content.decode()
    assert event.description == WORDS


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_costs_the_same_queries_whatever_its_length(
    trial, patient, people, number, django_assert_num_queries
):
    for _each in range(number):
        ask(build.client(people[0]), build.event(patient=patient, by=people[1], description=WORDS))
    client, address = build.client(people[0]), reverse("reports:redactions", args=[trial.slug])
    client.get(address)
    with django_assert_num_queries(6):
        client.get(address)
