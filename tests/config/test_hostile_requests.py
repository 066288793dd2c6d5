"""Requests that no page sends are refused with a message, never with a server error, and nothing is stored (REL-06)."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.sessions.kept_forms import owner_value
from patients.entry.controls import CONTROLS
from patients.models import Draft, Record
from tests.support import build
from tests.support.pages.entry_pages import address, opened, words

pytestmark = pytest.mark.django_db

MULTIPART = b"--b\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n--b--\r\n"
BEYOND = "9" * 40
DIGITS = "9" * 5000


@pytest.mark.parametrize("charset", ["unicode_escape", "idna", "undefined", "hex", "utf-16", "latin-1"])
def test_text_in_another_encoding_is_refused_before_it_is_read(charset, client):
    """Half of a surrogate pair, which no database can store, can be sent in other encodings than UTF-8."""
    body = MULTIPART % (b"login", rb"\ud800")
    answer = client.generic(
        "POST",
        "/accounts/login/",
        body,
        content_type=f"multipart/form-data; boundary=b; charset={charset}",
    )
    assert answer.status_code == 400
    assert "Nothing was saved" in words(answer)


@pytest.mark.parametrize("place", ["patients/%00/", "patients/LIE-001/visits/%00/vitals/", "%00"])
def test_an_address_with_a_nul_is_refused(place, desk, trial):
    answer = desk.get(f"/trials/{trial.slug}/{place}")
    assert answer.status_code == 400
    assert "Nothing was saved" in words(answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "ANYTHING"])
def test_a_method_that_no_page_uses_is_refused_in_words(method, desk, patient):
    """P11-07: not only GET and POST have declared rights."""
    answer = desk.generic(method, address(patient))
    assert answer.status_code == 405
    assert "Nothing was saved" in words(answer)
    assert answer["Allow"] == "GET, HEAD"


def test_posting_to_a_page_that_only_shows_is_refused_in_words(desk, trial):
    answer = desk.post(reverse("patients:listing", args=[trial.slug]))
    assert answer.status_code == 405
    assert "use its buttons" in words(answer)


def test_a_health_check_is_answered_in_words_whatever_the_method(client):
    assert client.post("/healthz").status_code == 405


def test_a_number_that_no_column_holds_leads_nowhere(desk, trial, patient):
    """Neither database is queried for it, and no log row is created under it."""
    administrator = build.client(build.user("administrator", trial=trial))
    start = f"/trials/{trial.slug}"
    assert administrator.post(f"{start}/people/{BEYOND}/role/1/end/").status_code == 404
    assert desk.get(f"{start}/patients/{patient.code}/logs/stay/{BEYOND}/").status_code == 404
    assert desk.post(f"{start}/patients/{patient.code}/logs/stay/2147483648/").status_code == 404
    assert desk.post(reverse("account_end_sessions"), {"session": DIGITS}).status_code == 404


@pytest.mark.parametrize("action", ["not-done-", "done-"])
@pytest.mark.parametrize("group", [DIGITS, "²", "-1", ""])
def test_a_group_that_the_form_does_not_have_is_refused(action, group, desk, patient):
    typed = {**opened(desk, patient), CONTROLS.action: f"{action}{group}"}
    assert desk.post(address(patient), typed).status_code == 400
    assert desk.post(address(patient, end="check/"), typed).status_code == 400


def test_a_row_that_no_page_has_is_refused(desk, patient):
    where = {"form": "medical_history"}
    typed = {
        **opened(desk, patient, **where),
        f"conditions-{DIGITS}-term": "Asthma",
        CONTROLS.action: "draft",
    }
    assert desk.post(address(patient, **where), typed).status_code == 400


@pytest.mark.parametrize("end", ["", "keep/"])
def test_a_nul_in_an_answer_loses_nothing_else(end, desk, patient):
    """AUD-13: the other typed values are kept, also on PostgreSQL, which cannot store NUL."""
    typed = {**opened(desk, patient), "hr": "72", "acvpu-reason": "a\0b", CONTROLS.action: "draft"}
    answer = desk.post(address(patient, end=end), typed)
    assert answer.status_code == (200 if end else 422)
    assert not Record.objects.exists()
    kept = dict(Draft.objects.get().payload)
    assert (kept["hr"], kept["acvpu-reason"]) == ("72", "a\N{REPLACEMENT CHARACTER}b")


def test_a_nul_in_a_reason_is_refused_beside_its_field(desk, patient):
    typed = {**opened(desk, patient), "hr": "190", "hr-confirm": "seen\0twice", CONTROLS.action: "draft"}
    answer = desk.post(address(patient), typed)
    assert answer.status_code == 422
    assert "cannot be stored" in words(answer)
    assert not Record.objects.exists()


@pytest.mark.parametrize("name", [CONTROLS.key, CONTROLS.note, CONTROLS.reason, "_any\0thing"])
def test_a_nul_beside_the_answers_is_refused(name, desk, patient):
    typed = {**opened(desk, patient), "hr": "72", name: "a\0b", CONTROLS.action: "draft"}
    for end in ("", "keep/", "check/"):
        assert desk.post(address(patient, end=end), typed).status_code == 400
    assert not Record.objects.exists()
    assert not Draft.objects.exists()


def test_a_form_kept_under_no_version_is_given_back(nurse, patient):
    """ACC-05: what a session's end kept is opened again whatever version it claims."""
    typed = {"form_owner": owner_value(nurse), "hr": "72", CONTROLS.protocol: "²", CONTROLS.version: "0"}
    sent_away = Client().post(address(patient), typed)["Location"]
    kept = parse_qs(urlsplit(sent_away).query)["next"][0]
    answer = build.client(nurse).get(kept)
    assert answer.status_code == 200
    assert 'value="72"' in answer.content.decode()
