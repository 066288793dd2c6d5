"""Typed values survive the end of the session, a double click, another tab, a closed tab and a lost connection."""

import re
import time
from collections.abc import Iterator

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from patients.models import Draft, Record
from safety.models import AdverseEvent, EventDraft
from tests.browser.pages import choose, day, field, group, press
from tests.support import build
from tests.support.pages.entry_pages import address
from tests.support.pages.event_forms import page as event_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]


@pytest.fixture
def desk(page, patient, nurse, enter) -> Page:
    """Return the coordinator's page with the vital signs of screening open."""
    enter(nurse)
    page.goto(address(patient))
    return page


def save_draft(page: Page) -> None:
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state()


def test_a_form_typed_after_the_session_ended_is_there_after_signing_in_again(desk, patient, nurse):
    """ACC-05: no data are lost; the user returns to the same form."""
    field(desk, "Heart rate").fill("72")
    with desk.expect_response("**/check/"):
        field(desk, "Temperature").fill("36,7")
    end_sessions()
    desk.get_by_role("button", name="Save draft").click()
    expect(desk.get_by_text("What you typed is kept")).to_be_visible()
    desk.get_by_label("User name").fill(nurse.username)
    desk.get_by_label("Password").fill(build.PASSWORD)
    desk.get_by_role("button", name="Sign in", exact=True).click()
    expect(field(desk, "Heart rate")).to_have_value("72")
    expect(field(desk, "Temperature")).to_have_value(re.compile("36[.,]7"))
    save_draft(desk)
    assert Record.objects.get().values == {"hr": "72", "temp": "36.7"}


def end_sessions() -> None:
    Session.objects.all().delete()
    UserSession.objects.all().delete()


def test_the_password_is_asked_on_the_page_and_the_form_goes_on(desk, patient):
    """ACC-05: the session ends in the middle of a form; the caret stays and saving works."""
    field(desk, "Heart rate").fill("72")
    with desk.expect_response("**/check/"):
        field(desk, "Temperature").focus()
    end_sessions()
    desk.keyboard.type("36,7")
    asked = desk.get_by_role("dialog", name="You were signed out")
    expect(asked.get_by_label("Password")).to_be_focused(timeout=15_000)
    desk.keyboard.type("not my password")
    desk.keyboard.press("Enter")
    expect(asked.get_by_role("alert")).to_contain_text("is not right")
    desk.keyboard.type(build.PASSWORD)
    with desk.expect_response("**/check/") as result:
        desk.keyboard.press("Enter")
    assert result.value.status == 200
    expect(asked).to_be_hidden()
    expect(field(desk, "Temperature")).to_be_focused()
    expect(desk.get_by_text(re.compile("^Kept"))).to_be_visible(timeout=15_000)
    desk.keyboard.press("Control+s")
    expect(desk.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {"hr": "72", "temp": "36.7"}


def test_another_person_who_signed_in_meanwhile_does_not_save_under_the_first_name(desk, patient, base_url):
    """AUD-01: a page can only be sent by the user it was rendered for."""
    field(desk, "Heart rate").fill("72")
    other = build.user("investigator", trial=patient.trial)
    key = build.client(other).session.session_key
    desk.context.add_cookies([{"name": "sessionid", "value": key, "url": base_url}])
    desk.evaluate("document.dispatchEvent(new Event('session-ended'))")
    asked = desk.get_by_role("dialog", name="You were signed out")
    asked.get_by_label("Password").fill(build.PASSWORD)
    desk.keyboard.press("Enter")
    expect(asked.get_by_role("alert")).to_contain_text("sign in on the page for that")
    assert not Record.objects.exists()


def test_a_double_click_saves_a_form_once(desk):
    """REL-13: the second click changes nothing."""
    field(desk, "Heart rate").fill("72")
    desk.get_by_role("button", name="Save draft").dblclick()
    expect(desk.get_by_text(re.compile("^Saved|Draft"))).not_to_have_count(0)
    desk.wait_for_load_state()
    expect(desk.get_by_role("heading", name="This form was changed since you opened it")).to_have_count(0)
    expect(field(desk, "Heart rate")).to_have_value("72")
    record = Record.objects.get()
    assert (record.values, record.version) == ({"hr": "72"}, 1)


def test_an_event_is_kept_while_typed_and_a_double_click_reports_it_once(desk, patient):
    """SAF-01: one event is never stored twice. A moment is filled in with one click, on the clock of the site."""
    desk.goto(f"/trials/{patient.trial.slug}/patients/{patient.code}/adverse-events/new/")
    with desk.expect_response("**/new/keep/"):
        field(desk, "Event").fill("Headache")
    assert EventDraft.objects.get().term == "Headache"
    choose(desk, "Is it still going on?", "Yes")
    desk.get_by_role("button", name="Now: Onset").click()
    expect(field(desk, "Onset")).to_have_value(
        re.compile(f"^{day(patient.trial.today)} [0-9]{{2}}:[0-9]{{2}}$")
    )
    choose(desk, "Grade (CTCAE 5.0)", "1 Mild")
    choose(desk, "Is it serious? Tick all that apply", "None of these")
    field(desk, "Outcome").select_option(label="Recovering")
    field(desk, "Action taken with the product").select_option(label="None")
    field(desk, "Special interest").select_option(label="Not of special interest")
    desk.get_by_role("button", name="Save the event").dblclick()
    expect(desk.get_by_role("heading", name="AE 1 · Headache")).to_be_visible()
    assert AdverseEvent.objects.count() == 1
    assert EventDraft.objects.get().state == "finished"


def test_an_infusion_and_a_change_of_an_event_are_there_after_the_tab_was_closed(
    page: Page, patient, nurse, enter, looked_at, complaints
):
    """REL-13: the pages beside the forms keep what is typed as well; one key opens a change, a save ends the draft."""
    event = build.event(patient=patient, grade=2)
    enter(nurse)
    page.goto(event_page(event))
    # The typist of this test is faster than the script of the page that opens.
    with page.expect_event("load"):
        page.keyboard.press("e")
    with page.expect_response("**/amend/?keep=1"):
        field(page, "Event").fill("Headache at night")
    page.goto("about:blank")
    page.goto(event_page(event, "amend"))
    expect(page.get_by_text("did not save is shown below")).to_be_visible()
    expect(field(page, "Event")).to_have_value("Headache at night")
    looked_at("event-draft")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(event_page(event, "amend"))
    # Side by side, and only one has a note: both inputs are on one line.
    tops = [field(page, label).bounding_box()["y"] for label in ("Reason for the change", "In your words")]
    assert abs(tops[0] - tops[1]) <= 1
    field(page, "Reason for the change").select_option(index=1)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="AE 1 · Headache at night")).to_be_visible()
    assert not Draft.objects.exists()
    assert complaints == []


def test_a_save_waits_for_the_draft_on_its_way(page: Page, patient, nurse, enter):
    """REL-13: the draft that was sent just before the save does not come back after it."""
    enter(nurse)
    event = build.event(patient=patient, grade=2)
    page.goto(event_page(event, "amend"))
    page.route("**/amend/?keep=1", lambda route: (time.sleep(0.7), route.continue_()))
    field(page, "Reason for the change").select_option(index=1)
    with page.expect_request("**/amend/?keep=1"):
        field(page, "Event").fill("Headache at night")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="AE 1 · Headache at night")).to_be_visible()
    assert not Draft.objects.exists()


def test_the_back_button_shows_what_was_saved(desk):
    """REL-13: going back after saving shows the saved values, and saving again overwrites nothing unseen."""
    field(desk, "Heart rate").fill("72")
    desk.get_by_role("button", name="Save draft").click()
    expect(desk.get_by_text("Not saved yet")).to_have_count(0)
    desk.get_by_role("navigation", name=re.compile("^Casebook")).get_by_role(
        "link", name=re.compile("Demography")
    ).click()
    field(desk, "Age at consent").wait_for()
    desk.go_back()
    expect(field(desk, "Heart rate")).to_have_value("72")
    field(desk, "Heart rate").fill("74")
    save_draft(desk)
    expect(field(desk, "Heart rate")).to_have_value("74")
    assert Record.objects.get().values == {"hr": "74"}


def test_two_tabs_on_one_form_are_shown_both_values(desk, patient):
    """DAT-11: the second tab shows the stored value beside the typed one before it can save."""
    other = desk.context.new_page()
    other.goto(address(patient))
    field(other, "Heart rate").fill("80")
    save_draft(other)
    field(desk, "Heart rate").fill("90")
    save_draft(desk)
    conflict = desk.get_by_role("region", name="This form was changed since you opened it")
    expect(conflict).to_contain_text("80")
    expect(conflict).to_contain_text("90")
    assert Record.objects.get().values == {"hr": "80"}
    expect(field(desk, "Heart rate")).to_have_value("90")
    conflict.get_by_role("radio", name="You typed").check()
    save_draft(desk)
    expect(conflict).to_have_count(0)
    assert Record.objects.get().values == {"hr": "90"}


def test_two_people_on_one_form_lose_nothing_and_choose_by_keyboard(desk, patient, browser, base_url):
    """DAT-11: the colleague's temperature and the own heart rate are kept; choosing needs no mouse."""
    colleague = build.client(build.user("investigator", trial=patient.trial)).session.session_key
    context = browser.new_context(base_url=base_url)
    context.add_cookies([{"name": "sessionid", "value": colleague, "url": base_url}])
    other = context.new_page()
    other.goto(address(patient))
    field(other, "Heart rate").fill("80")
    field(other, "Temperature").fill("38,1")
    save_draft(other)
    context.set_offline(True)
    field(desk, "Heart rate").fill("90")
    field(desk, "Temperature").fill("37,1")
    save_draft(desk)
    conflict = desk.get_by_role("region", name="This form was changed since you opened it")
    expect(conflict).to_be_focused()
    desk.keyboard.press("Control+s")
    expect(desk.get_by_text("Choose one of the two values")).to_be_visible()
    with desk.expect_response("**/check/"):
        for key in ("Tab", "Tab", "Space", "Tab", "Tab", "ArrowRight"):
            desk.keyboard.press(key)
    expect(
        conflict.get_by_role("group", name="Temperature").get_by_role("radio", name="Stored")
    ).to_be_checked()
    mine = conflict.get_by_role("group", name="Heart rate").get_by_role("radio", name="You typed")
    expect(mine).to_be_checked()
    expect(desk.get_by_text("The stored value is used.")).to_be_visible()
    desk.keyboard.press("Control+s")
    expect(conflict).to_have_count(0)
    assert Record.objects.get().values == {"temp": "38.1", "hr": "90"}
    context.close()


def test_what_was_kept_while_typing_is_there_after_the_tab_was_closed(desk, patient):
    """REL-13: the server has the draft five seconds after the last key."""
    field(desk, "Heart rate").fill("72")
    expect(desk.get_by_text(re.compile("^Kept"))).to_be_visible(timeout=15_000)
    context = desk.context
    desk.close()
    again = context.new_page()
    again.goto(address(patient))
    expect(again.get_by_text("did not save is shown below")).to_be_visible()
    expect(field(again, "Heart rate")).to_have_value("72")
    save_draft(again)
    assert Record.objects.get().values == {"hr": "72"}
    assert not Draft.objects.exists()


def test_a_dead_line_keeps_the_form_on_the_screen(desk):
    """REL-13: the network fails while saving; the same button saves once it is back."""
    field(desk, "Heart rate").fill("72")
    desk.context.set_offline(True)
    press(desk, "Save draft")
    expect(desk.get_by_text("There is no connection")).to_be_visible()
    expect(field(desk, "Heart rate")).to_have_value("72")
    assert not Record.objects.exists()
    desk.context.set_offline(False)
    save_draft(desk)
    expect(desk.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {"hr": "72"}


PICTURE = """addEventListener('DOMContentLoaded', () => document.body.append(
    Object.assign(new Image(), {src: '/late.png', alt: ''})))"""


def late_picture(route: Route) -> None:
    """Answer after a second."""
    time.sleep(1)
    route.fulfill(status=404)


@pytest.fixture
def slow_script(page) -> Iterator[list[Route]]:
    """Hold the request for the script of the pages until the test lets it go on."""
    held: list[Route] = []
    page.route("**/stroma*.js", lambda route: held.append(route), times=1)
    yield held
    assert not held, "the test did not let the script go on"


def open_before_the_script(page: Page, to: str, slow_script: list[Route]) -> None:
    """Open a page whose script is on its way."""
    with page.expect_request("**/stroma*.js"):
        page.goto(to, wait_until="commit")
    page.get_by_role("main").wait_for()
    assert slow_script


def test_text_typed_before_the_script_came_is_kept_without_another_key(
    page: Page, patient, nurse, enter, slow_script
):
    """REL-13: on a slow line a person types before the scripts are there. Checks and draft follow when they are."""
    enter(nurse)
    open_before_the_script(page, address(patient), slow_script)
    field(page, "Heart rate").fill("72")
    with page.expect_response("**/check/"):
        slow_script.pop().continue_()
    expect(page.get_by_text(re.compile("^Kept"))).to_be_visible(timeout=15_000)
    assert dict(Draft.objects.get().payload)["hr"] == "72"


def test_text_typed_into_a_page_that_is_still_loading_again_is_kept_at_once(
    page: Page, patient, nurse, enter, slow_script
):
    """REL-13: reloaded, with a picture that does not come: the checks run, and leaving asks, before it is there."""
    enter(nurse)
    held: list[Route] = []
    page.add_init_script(PICTURE)
    page.route("**/late.png", lambda route: held.append(route))
    open_before_the_script(page, address(patient), slow_script)
    slow_script.pop().continue_()
    page.route("**/stroma*.js", lambda route: slow_script.append(route), times=1)
    with page.expect_request("**/stroma*.js"):
        page.reload(wait_until="commit")
    field(page, "Heart rate").fill("72")
    with page.expect_response("**/check/"):
        slow_script.pop().continue_()
    expect(page.locator("form[data-changed]")).to_have_count(1)
    held[-1].abort()


@pytest.mark.parametrize(
    ("how", "name", "kept"),
    [("choice", "grade", "1"), ("box", "seriousness", "none_of_these"), ("list", "outcome", "recovering")],
)
def test_an_answer_given_before_the_script_came_is_kept(
    page: Page, patient, nurse, enter, slow_script, how, name, kept
):
    """REL-13: a chosen answer, a ticked box and an entry of a list, in a form that is kept whole."""
    enter(nurse)
    to = f"/trials/{patient.trial.slug}/patients/{patient.code}/adverse-events/new/"
    open_before_the_script(page, to, slow_script)
    if how == "choice":
        group(page, "Grade (CTCAE 5.0)").locator("label", has_text="1 Mild").click()
    elif how == "box":
        group(page, "Is it serious? Tick all that apply").locator("label", has_text="None of these").click()
    else:
        field(page, "Outcome").select_option(label="Recovering")
    with page.expect_response("**/new/keep/", timeout=15_000):
        slow_script.pop().continue_()
    assert dict(EventDraft.objects.get().payload)[name] == kept


def test_a_page_that_nobody_typed_into_keeps_nothing_and_is_left_without_a_question(
    page: Page, patient, nurse, enter
):
    """REL-13: fields as the server sent them are not taken for typed ones: no page of these is unsaved at its start."""
    event = build.event(patient=patient, grade=2)
    enter(nurse)
    new = f"/trials/{patient.trial.slug}/patients/{patient.code}/adverse-events/new/"
    for to in (address(patient), new, event_page(event, "amend")):
        page.goto(to)
        page.evaluate("new Promise((done) => setTimeout(done, 50))")
        assert page.locator("form[data-changed]").count() == 0, to
        assert page.locator("form[data-guard]").count() > 0, to


@pytest.mark.parametrize("picture", ["all is there", "a picture is on its way"])
def test_what_the_browser_shows_again_overwrites_nothing(
    page: Page, patient, nurse, enter, browser, base_url, picture
):
    """REL-13, DAT-11: typed, left, and come back to when a colleague has saved: the two answers stand side by side."""
    if picture == "a picture is on its way":
        # The browser fills the fields again when the last picture is there, long after the script began.
        page.add_init_script(PICTURE)
        page.route("**/late.png", late_picture)
    event = build.event(patient=patient, grade=2)
    enter(nurse)
    page.goto(event_page(event, "amend"))
    with page.expect_response("**/amend/?keep=1"):
        field(page, "Outcome").select_option(label="Recovering")
    page.goto("/accounts/profile/")
    Draft.objects.all().delete()
    colleague = build.client(build.user("investigator", trial=patient.trial)).session.session_key
    context = browser.new_context(base_url=base_url)
    context.add_cookies([{"name": "sessionid", "value": colleague, "url": base_url}])
    other = context.new_page()
    other.goto(event_page(event, "amend"))
    field(other, "Outcome").select_option(label="Not recovered")
    field(other, "Reason for the change").select_option(index=1)
    other.keyboard.press("Control+s")
    expect(other.get_by_role("heading", name=re.compile("^AE 1"))).to_be_visible()
    page.go_back()
    expect(field(page, "Outcome")).to_have_value("recovering")
    expect(page.locator("form[data-changed]")).to_have_count(1)
    field(page, "Reason for the change").select_option(index=1)
    page.keyboard.press("Control+s")
    conflict = page.get_by_role("alert").filter(has_text="this event was changed while you typed")
    expect(conflict).to_contain_text("Not recovered")
    expect(conflict).to_contain_text("Recovering")
    assert AdverseEvent.objects.get().outcome == "not_recovered"
    context.close()


def test_rows_that_the_browser_ticks_again_are_counted(page: Page, patient, enter):
    """DAT-11: on the way back from another page the ticked rows stay ticked, are counted and can be sent."""
    enter(build.user("monitor", trial=patient.trial))
    build.event(patient=patient, grade=2)
    listing = f"/trials/{patient.trial.slug}/adverse-events/"
    page.goto(listing)
    row = page.locator("tbody input[type=checkbox]").first
    row.check()
    ticked = page.locator("[data-selected]")
    expect(ticked).to_have_text("1")
    page.goto("/accounts/profile/")
    page.go_back()
    expect(row).to_be_checked()
    expect(ticked).to_have_text("1")
    expect(page.locator("[data-needs-selection]")).to_be_enabled()
