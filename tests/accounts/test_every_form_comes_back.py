"""Every form of a trial survives the end of the session: it is kept, and its page shows what was typed."""

from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.test import Client

from patients.models import Patient
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES
from tests.support.pages.every_page import page_of, patient_with_pages, trial_patterns
from tests.support.pages.html_forms import PageForm, forms
from trials.roles import ROLES

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.long,
    pytest.mark.one_engine,
    pytest.mark.usefixtures("nothing_counted"),
]
# A word to be searched or a label to be scanned, which leads to a page and stores nothing.
SEARCHES = {"q", "search", "scan"}
# The identity of a person who is looked for is kept nowhere.
NOT_KEPT = {"reports:search"}


def writers(name: str) -> list[str]:
    """Return the roles that may read a page and send its form."""
    see, change = TRIAL_PAGES[name]
    return [code for code, role in sorted(ROLES.items()) if {see, change} <= role.permissions]


def typed_forms(patient: Patient, clients: dict[str, Client]) -> Iterator[tuple[str, Client, str, PageForm]]:
    """Yield the forms with a text, each once: name of the page, browser, address and form."""
    seen = set()
    for name, pattern in trial_patterns().items():
        address = page_of(patient, name, pattern)
        answers = ((clients[role], clients[role].get(address)) for role in writers(name))
        browser, answer = next((each for each in answers if each[1].status_code in {200, 404}), (None, None))
        if browser is None or answer is None or answer.status_code == 404 or answer.streaming:
            continue
        for form in forms(answer.content.decode()):
            texts, place = form.texts - SEARCHES, frozenset(form.names)
            if form.attributes.get("method") == "post" and texts and place not in seen:
                seen.add(place)
                yield name, browser, urljoin(address, form.attributes.get("action", "")), form


def lost_of(browser: Client, address: str, form: PageForm) -> list[str]:
    """Send a form without a session, and return the names of the texts that its page does not show afterwards."""
    typed = {name: f"typed{number}" for number, name in enumerate(sorted(form.texts - SEARCHES))}
    pressed = next((each for each in form.buttons if each.get("name")), {})
    answer = Client().post(
        address, form.sent(button={pressed["name"]: pressed.get("value", "")} if pressed else None, **typed)
    )
    (back,) = parse_qs(urlsplit(answer.url).query)["next"]
    page = unescape(browser.get(back, follow=True).content.decode())
    return [name for name, text in typed.items() if text not in page]


def test_whatever_was_typed_before_the_session_ended_is_on_the_page_after_signing_in():
    """ACC-05, REL-13: every page with a form, as a role that may send it."""
    patient = patient_with_pages()
    clients = {role: build.client(build.user(role, trial=patient.trial)) for role in ROLES}
    lost = {}
    for name, browser, address, form in typed_forms(patient, clients):
        if name in NOT_KEPT:
            continue
        if "form_owner" not in form.names:
            lost[name] = ["form_owner"]
        elif found := lost_of(browser, address, form):
            lost[name] = found
    assert not lost, lost


# Pages that cannot be opened, to which a form of another page sends a text. That it comes back is tested with each;
# the two for facts are one function.
SENT_FROM_ANOTHER_PAGE = {
    "patients:unlock-request", "patients:unlock-decide", "patients:verify-withdraw", "patients:review-withdraw",
    "patients:fact-withdraw", "dosing:product-fact-withdraw", "dosing:bedside-decision", "dosing:give-before",
}  # fmt: skip
# Such pages to which a button sends no text, or a script sends what stays on the page.
NOTHING_TYPED = {
    "reports:own-question-retire", "safety:view-retire", "audit:view-retire", "documents:cancel",
    "patients:form-check", "patients:form-keep", "patients:form-discard",
    "patients:log-check", "patients:log-keep", "patients:log-discard",
    "safety:report-keep", "dosing:dose",
}  # fmt: skip


def test_every_page_that_cannot_be_opened_is_known_to_these_tests():
    """ACC-05: `form_owner` names the page of a form that is sent to one of them."""
    closed = {name for name, (see, _change) in TRIAL_PAGES.items() if see is None}
    assert closed == SENT_FROM_ANOTHER_PAGE | NOTHING_TYPED
