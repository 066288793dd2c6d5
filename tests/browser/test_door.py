"""The way of a new person through the door: invited, a code from two people, a password, the role, a passkey."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from tests.support import build
from tests.support.pages.signing_in import OWN_PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]
READER = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def arriving(browser: Browser, base_url: str, person: User) -> Page:
    """Return the page of a signed-in person in a browser of their own."""
    page = browser.new_context(base_url=base_url).new_page()
    key = build.client(person).session.session_key
    page.context.add_cookies([{"name": "sessionid", "value": key, "url": base_url}])
    return page


def half_on(page: Page) -> str:
    return page.locator("code.fs-5").inner_text()


def test_a_new_data_manager_comes_in_by_a_code_from_two_people_and_adds_a_passkey(
    page: Page,
    browser: Browser,
    base_url: str,
    settings,
    trial,
    administrator,
    doctor,
    looked_at: Callable[[str], None],
    complaints: list[str],
):
    """P11-19, SEC-06, ACC-01: nobody else sees the password; without a second factor the trial stays closed."""
    settings.SECOND_FACTOR_ROLES = ["data_manager"]
    people = f"/trials/{trial.slug}/people/"
    chief, second = arriving(browser, base_url, administrator), arriving(browser, base_url, doctor)
    chief.goto(f"{people}add/")
    chief.get_by_label("Full name").fill("Inés Moreno")
    chief.get_by_label("Identity verified on").fill("t")
    chief.get_by_label("Role").select_option("data_manager")
    chief.get_by_label("First day").fill("t")
    chief.get_by_role("button", name="Invite", exact=True).click()
    first_half = half_on(chief)

    second.goto(people)
    second.get_by_role("link", name="Second half Inés Moreno").click()
    second.get_by_role("button", name="Show the second half").click()
    second_half = half_on(second)

    page.goto("/accounts/login/")
    page.get_by_role("link", name="I have a code in two halves").click()
    looked_at("code")
    page.get_by_label("First half of the code").fill(first_half)
    page.get_by_label("Second half of the code").fill(second_half)
    page.get_by_label("New password", exact=False).first.fill(OWN_PASSWORD)
    page.get_by_label("New password again").fill(OWN_PASSWORD)
    page.get_by_role("button", name="Store the password").click()
    username = User.objects.get(full_name="Inés Moreno").username
    expect(page.get_by_text(f"your user name is {username}")).to_be_visible()
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(OWN_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", name="You are invited")).to_be_visible()
    looked_at("invited")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Your role in this trial needs a second factor")).to_be_visible()
    looked_at("factor-needed")
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": READER})
    page.get_by_role("link", name="Add a passkey").click()
    if page.get_by_label("Password").is_visible():
        page.get_by_label("Password").fill(OWN_PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Reader of the office")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/trials/")
    page.wait_for_url(f"**/trials/{trial.slug}/")

    page.get_by_text("Inés Moreno", exact=True).first.click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(OWN_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.wait_for_url(f"**/trials/{trial.slug}/")
    assert complaints == []
    for each in (chief, second):
        each.goto(people)
        expect(each.get_by_role("row", name="Inés Moreno").first).to_be_visible()
