"""The page shell in a real Chromium: accessible, usable by keyboard and without scripts, without data loss."""

import re

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from tests.browser.pages import sign_in
from tests.support import build

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]
PHONE = {"width": 390, "height": 844}
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": PHONE}


def sideways(page: Page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_of_sign_in_and_people_are_accessible_in_both_themes(
    page: Page, trial, administrator, size, scheme, enter, violations, complaints
):
    """WCAG 2.2 AA as far as axe checks it; no violation of the content policy."""
    person = build.user("monitor", trial=trial)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(SIZES[size])
    page.goto("/accounts/login/?ended=idle")
    assert violations() == []
    enter(administrator)
    people = f"/trials/{trial.slug}/people/"
    for address in (
        "/accounts/profile/",
        "/accounts/password/",
        "/accounts/factors/",
        people,
        f"{people}add/",
        f"{people}{person.pk}/",
        f"{people}delegate/",
        "/accounts/address/",
        "/accounts/key/",
        f"{people}{person.pk}/deactivate/",
    ):
        page.goto(address)
        assert violations() == [], address
    assert complaints == []


def test_no_page_scrolls_sideways_on_a_small_telephone(page: Page, trial, administrator, enter):
    """WCAG 1.4.10: 320 pixels."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/accounts/login/")
    assert sideways(page) == 0
    enter(administrator)
    for address in (
        "/accounts/profile/",
        f"/trials/{trial.slug}/people/",
        f"/trials/{trial.slug}/people/add/",
    ):
        page.goto(address)
        assert sideways(page) == 0, address


def test_the_keyboard_skips_the_navigation(page: Page, trial, administrator, enter):
    """WCAG 2.4.1."""
    enter(administrator)
    page.goto(f"/trials/{trial.slug}/people/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_menu_of_a_telephone_opens_and_closes_without_scripts(browser, live_server, trial, administrator):
    """Works with JavaScript off."""
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    sign_in(page, administrator)
    page.goto(f"/trials/{trial.slug}/people/")
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Open menu").click()
    expect(menu.get_by_role("link", name="People and roles")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    context.close()


def test_the_theme_changes_at_once_and_is_remembered(page: Page, trial, administrator, enter):
    """The server renders the theme, so no page flashes in the wrong one."""
    enter(administrator)
    page.goto(f"/trials/{trial.slug}/people/")
    page.get_by_text("Theme", exact=True).locator("..").click()
    with page.expect_response("**/accounts/theme/"):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_warning_comes_two_minutes_before_the_end_and_one_press_stays(
    page: Page, trial, administrator, settings, enter, violations
):
    """ACC-05, WCAG 2.2.1: the user can extend the session."""
    settings.SESSION_IDLE_SECONDS = 123
    enter(administrator)
    page.goto("/accounts/profile/")
    dialog = page.get_by_role("dialog", name="Are you still there?")
    expect(dialog).to_be_visible(timeout=10_000)
    assert violations() == []
    settings.SESSION_IDLE_SECONDS = 900
    dialog.get_by_role("button", name="Stay signed in").click()
    expect(dialog).to_be_hidden()


def test_when_the_session_has_ended_the_page_is_covered(page: Page, trial, administrator, settings, enter):
    """PRV-05: patient data are not readable on an abandoned screen."""
    settings.SESSION_IDLE_SECONDS = 123
    enter(administrator)
    page.goto("/accounts/profile/")
    stay = page.get_by_role("button", name="Stay signed in")
    expect(stay).to_be_visible(timeout=10_000)
    Session.objects.all().delete()
    stay.click()
    expect(page.get_by_role("heading", name="You were signed out")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_label("Password")).to_be_focused()


def test_nothing_typed_is_lost_when_the_session_ended_meanwhile(page: Page, trial, administrator):
    """ACC-05: no data are lost after a time-out."""
    sign_in(page, administrator)
    page.goto(f"/trials/{trial.slug}/people/add/")
    page.get_by_label("Full name").fill("Inés Moreno")
    page.get_by_label("E-mail").fill("ines@hospital.example")
    Session.objects.all().delete()
    UserSession.objects.all().delete()
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text("What you typed is kept")).to_be_visible()
    page.get_by_label("User name").fill(administrator.username)
    page.get_by_label("Password").fill(build.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Full name")).to_have_value("Inés Moreno")
    expect(page.get_by_label("E-mail")).to_have_value("ines@hospital.example")


def test_leaving_with_unsaved_changes_asks_first(page: Page, trial, administrator, enter):
    """REL-13: leaving the page does not lose a form."""
    enter(administrator)
    page.goto(f"/trials/{trial.slug}/people/add/")
    page.get_by_label("Full name").fill("Inés Moreno")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.url.endswith("/people/add/")


INSERT = """html => { const main = document.querySelector("main");
  main.insertAdjacentHTML("beforeend", html);
  main.dispatchEvent(new CustomEvent("htmx:load", {bubbles: true})); }"""
FIGURE = """
  <figure class="fig"><svg viewBox="0 0 300 80" role="group" aria-label="Two infusions">
    <circle cx="60" cy="40" r="6" data-tip="Infusion 1, day 0"/>
    <circle cx="160" cy="40" r="6" data-tip="Infusion 2, day 4"/>
  </svg></figure>
  <button type="button" data-table="numbers" aria-expanded="false" aria-controls="numbers">Data table</button>
  <table id="numbers" hidden><tbody><tr><td>1</td></tr></tbody></table>
"""


def test_the_marks_of_a_figure_are_read_with_the_arrow_keys(page: Page, trial, administrator, enter):
    """A figure is one Tab stop; Escape hides the tooltip."""
    enter(administrator)
    page.goto("/accounts/profile/")
    page.evaluate(INSERT, FIGURE)
    first, second = page.get_by_label("Infusion 1, day 0"), page.get_by_label("Infusion 2, day 4")
    first.focus()
    tip = page.locator(".fig-tip")
    expect(tip).to_have_text("Infusion 1, day 0")
    page.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    expect(tip).to_have_text("Infusion 2, day 4")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    button = page.get_by_role("button", name="Data table")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("cell", name="1", exact=True)).to_be_visible()


def test_a_slash_leads_to_the_search(page: Page, trial, administrator, enter):
    """One key from anywhere."""
    enter(administrator)
    page.goto(f"/trials/{trial.slug}/people/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name=re.compile("Find a patient"))).to_be_focused()


def test_the_focus_is_never_under_the_bars(page: Page, trial, administrator, enter):
    """WCAG 2.4.11: while tabbing through a form, every focused field is in view."""
    enter(administrator)
    page.set_viewport_size({"width": 1024, "height": 480})
    page.goto(f"/trials/{trial.slug}/people/add/")
    for _ in range(30):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => { const node = document.activeElement, box = node.getBoundingClientRect();
               if (node === document.body || node.closest(".top, .side, .skip")) return null;
               const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
               return top && (node.contains(top) || top.contains(node)) ? null : node.outerHTML; }"""
        )
        assert hidden is None


LISTING = """
  <form action="/accounts/profile/"><table>
  <thead><tr><th><input type="checkbox" data-select-all aria-label="All"></th></tr></thead>
  <tbody><tr><td><input type="checkbox" name="row" value="1" aria-label="Row 1"></td></tr>
  <tr><td><input type="checkbox" name="row" value="2" aria-label="Row 2"></td></tr></tbody></table>
  <p><output data-selected>0</output></p><button data-needs-selection data-confirm="sure" disabled>Sign</button></form>
  <dialog id="sure" aria-label="Sign these?"><form method="dialog"><button value="yes">Yes, sign</button>
  <button value="no">Cancel</button></form></dialog>
"""


def test_a_batch_is_counted_and_confirmed_before_it_is_sent(page: Page, trial, administrator, enter):
    """SIG-02: one password signs many rows, but only after a confirmation."""
    enter(administrator)
    page.goto("/accounts/profile/")
    page.evaluate(INSERT, LISTING)
    sign = page.get_by_role("button", name="Sign", exact=True)
    expect(sign).to_be_disabled()
    page.get_by_label("All", exact=True).check()
    expect(page.get_by_role("status").filter(has_text="2")).to_be_visible()
    page.get_by_label("Row 1").uncheck()
    expect(page.get_by_role("status").filter(has_text="1")).to_be_visible()
    sign.click()
    dialog = page.get_by_role("dialog", name="Sign these?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert page.url.endswith("/profile/")
    sign.click()
    dialog.get_by_role("button", name="Yes, sign").click()
    page.wait_for_url("**/profile/?row=2")


def test_ctrl_s_saves(page: Page, trial, administrator, enter):
    """Entry without a mouse."""
    enter(administrator)
    page.goto(f"/trials/{trial.slug}/people/add/")
    page.get_by_label("Full name").fill("Inés Moreno")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("This field is required").first).to_be_visible()
    expect(page.get_by_label("Full name")).to_have_value("Inés Moreno")


def test_a_passkey_is_added_and_signs_in_without_the_password(page: Page, trial, administrator, complaints):
    """ACC-05: with a virtual authenticator in place of a fingerprint reader."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    reader = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": reader})
    sign_in(page, administrator)
    page.goto("/accounts/factors/webauthn/add/")
    page.get_by_label("Password").fill(build.PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Reader of the ward")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_text(administrator.full_name, exact=True).first.click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/trials/**")
    assert complaints == []
