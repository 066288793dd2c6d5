"""A form is filled in without the mouse, while the server answers, and without scripts at all."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from playwright.sync_api import Locator, Page, expect

from patients.models import Record
from tests import build, evidence
from tests.browser.pages import day, field, group, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIGNS = {
    "Date and time": "v 9:05",
    "Temperature": "36,7",
    "Heart rate": "72",
    "Respiratory rate": "18",
    "Oxygen saturation (SpO2)": "96",
    "Glasgow Coma Scale, total": "15",
    "Systolic": "124",
    "Diastolic": "76",
}


@pytest.fixture(autouse=True)
def _nothing_sent_after_the_test(context):
    """A tab that closes sends what was typed: not while the tables are emptied."""
    yield
    context.set_offline(True)


@pytest.fixture
def coordinator(live_server):
    cache.clear()
    return build.user("coordinator", trial=build.trial())


@pytest.fixture
def patient(coordinator):
    found = build.patient(trial=build.trial(), by=coordinator)
    build.consent(found, by=coordinator)
    return found


def address(patient, form: str = "vitals") -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/{form}/"


def test_the_keyboard_reaches_the_form_in_four_strokes(page: Page, patient, coordinator, enter):
    """WCAG 2.4.1: the navigation of the casebook has more links than a form has fields."""
    enter(coordinator)
    page.goto(address(patient))
    for key in ("Tab", "Tab", "Enter", "Tab"):
        page.keyboard.press(key)
    assert page.locator(":focus").evaluate("node => node.closest('form.entry') !== null")


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(80):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {target}")


def test_vital_signs_are_completed_with_the_keyboard_alone(page: Page, patient, coordinator, enter):
    """DAT-03: Tab, a decimal comma, the day of the visit, Ctrl S, Ctrl Enter."""
    enter(coordinator)
    page.goto(address(patient))
    for label, text in SIGNS.items():
        tab_to(page, field(page, label))
        page.keyboard.type(text)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("list", name="Where this form stands").locator("[aria-current]")).to_contain_text(
        "Draft"
    )
    record = Record.objects.get(patient=patient)
    assert (record.state, record.values["temp"], record.values["dbp"]) == ("draft", "36.7", "76")
    assert record.values["measured_at"].startswith(f"{patient.screened_on}T09:05")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Vital signs is saved.")).to_be_visible()
    record.refresh_from_db()
    assert record.state == "complete"


def test_boxes_are_chosen_with_the_arrow_keys(page: Page, patient, coordinator, enter):
    """WCAG 2.1.1: a question with boxes is one stop, the arrows move within it."""
    enter(coordinator)
    page.goto(address(patient, "demography"))
    tab_to(page, field(page, "Age at consent"))
    page.keyboard.type("54")
    sex = group(page, "Sex at birth")
    tab_to(page, sex.get_by_label("Female"))
    page.keyboard.press("Space")
    expect(sex.get_by_label("Female")).to_be_checked()
    page.keyboard.press("ArrowRight")
    expect(sex.get_by_label("Male", exact=True)).to_be_checked()
    page.keyboard.press("Control+s")
    page.wait_for_load_state()
    expect(group(page, "Sex at birth").get_by_label("Male", exact=True)).to_be_checked()
    assert Record.objects.get(patient=patient).values == {"age": "54", "sex": "M"}


@pytest.mark.parametrize(("key", "before"), [("t", 0), ("y", 1)])
def test_one_letter_is_a_day(page: Page, patient, coordinator, enter, key, before):
    """DAT-03: t is today, y yesterday; the field shows the day that was understood."""
    enter(coordinator)
    page.goto(address(patient, "eligibility"))
    scan = field(page, "Chest scan")
    tab_to(page, scan)
    page.keyboard.type(key)
    page.keyboard.press("Tab")
    expected = day(build.today(patient) - timedelta(days=before))
    expect(scan).to_have_value(re.compile(expected, re.IGNORECASE))


def test_the_server_answers_while_one_goes_on_typing(page: Page, patient, coordinator, enter):
    """UX-07: the calculated value appears, and neither the focus nor the caret moves."""
    enter(coordinator)
    page.goto(address(patient))
    field(page, "Systolic").focus()
    page.keyboard.type("124")
    tab_to(page, field(page, "Diastolic"))
    page.keyboard.type("76")
    tab_to(page, field(page, "Mean, measured by arterial line"))
    with page.expect_response("**/check/"):
        page.keyboard.type("15")
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("status", name=re.compile("Mean, from the two"))).to_contain_text("92.0")
    typing = field(page, "Mean, measured by arterial line")
    expect(typing).to_be_focused()
    assert typing.evaluate("node => [node.value, node.selectionStart]") == ["15", 1]
    page.keyboard.type("0")
    expect(typing).to_have_value("105")


def test_what_is_impossible_is_said_beside_the_field_at_once(page: Page, patient, coordinator, enter):
    """DAT-06: the sentence is tied to the input, so that it is also heard."""
    enter(coordinator)
    page.goto(address(patient))
    temperature = field(page, "Temperature")
    tab_to(page, temperature)
    page.keyboard.type("46")
    page.keyboard.press("Tab")
    expect(temperature).to_have_accessible_description(re.compile("Must be between 25 and 45 °C"))
    expect(temperature).to_have_attribute("aria-invalid", "true")
    temperature.fill("36,8")
    page.keyboard.press("Tab")
    expect(temperature).not_to_have_attribute("aria-invalid", "true")


def test_an_answer_of_the_server_never_replaces_what_was_typed_after_the_question(
    page: Page, patient, coordinator, enter
):
    """REL-13: on a slow line the answer to the first value arrives when the second is already there."""
    enter(coordinator)
    page.goto(address(patient))
    held = []
    page.route("**/check/", lambda route: held.append(route), times=1)
    field(page, "Heart rate").fill("072")
    with page.expect_request("**/check/"):
        page.keyboard.press("Tab")
    field(page, "Heart rate").fill("80")
    field(page, "Respiratory rate").focus()
    with page.expect_response("**/check/"):
        held[0].continue_()
    expect(field(page, "Heart rate")).to_have_value("80")
    field(page, "Heart rate").focus()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {"hr": "80"}


def test_everything_works_without_scripts(browser, base_url, patient, coordinator):
    """UX-11: entry, a draft, an error beside its field, completing; nothing typed is lost."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, coordinator)
    page.goto(address(patient))
    for label, text in {**SIGNS, "Temperature": "warm"}.items():
        field(page, label).fill(text)
    page.get_by_role("button", name="Save draft").click()
    expect(field(page, "Temperature")).to_have_accessible_description(re.compile("warm"))
    expect(page.get_by_role("alert").get_by_role("link", name=re.compile("Temperature"))).to_be_visible()
    expect(field(page, "Temperature")).to_have_value("warm")
    expect(field(page, "Diastolic")).to_have_value("76")
    assert not Record.objects.exists()
    field(page, "Temperature").fill("36,7")
    page.get_by_role("button", name="Save draft").click()
    assert Record.objects.get().state == "draft"
    expect(field(page, "Heart rate")).to_have_value("72")
    page.get_by_role("button", name="Save and next form").click()
    expect(page.get_by_text("Vital signs is saved.")).to_be_visible()
    assert Record.objects.get().state == "complete"
    context.close()


def test_without_scripts_a_missing_answer_is_named_and_led_to(browser, base_url, patient, coordinator):
    """DAT-02: complete only with an answer, or why there is none, to every question."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, coordinator)
    page.goto(address(patient, "demography"))
    told = evidence.OF[patient.trial.slug](patient.screened_on)["demography"]
    field(page, "Age at consent").fill(told["age"])
    page.get_by_role("button", name="Save and next form").click()
    expect(field(page, "Age at consent")).to_have_value(told["age"])
    page.get_by_role("alert").get_by_role("link", name=re.compile("^Height")).click()
    expect(page).to_have_url(re.compile("#"))
    assert not Record.objects.filter(state="complete").exists()
    context.close()
