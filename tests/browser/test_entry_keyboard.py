"""A form is filled in by keyboard alone, while the server answers, and without scripts."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from patients.models import Query, Record
from patients.models.visit_forms import forms_of
from tests.browser.pages import day, field, group, sign_in, tab_to
from tests.support import build
from tests.support.pages.entry_pages import address
from tests.support.study import eligible_answers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]

SIGNS = {
    "Date and time": "v 9:05",
    "Temperature": "36,7",
    "Heart rate": "72",
    "Respiratory rate": "18",
    "Oxygen saturation (SpO2)": "96",
    "Glasgow: eyes": "4",
    "Glasgow: verbal": "5",
    "Glasgow: motor": "6",
    "Systolic": "124",
    "Diastolic": "76",
}


def test_typing_begins_at_once(page: Page, patient, nurse, enter):
    """WCAG 2.4.1: opening a form focuses its first field; a skip link leads there from anywhere else."""
    enter(nurse)
    page.goto(address(patient))
    expect(field(page, "Date and time")).to_be_focused()
    page.reload()
    page.get_by_role("link", name="Skip to the form").focus()
    page.keyboard.press("Enter")
    expect(field(page, "Date and time")).to_be_focused()


KEYS = ("v 9:05", "36,7", "72", "18", "96", " ", "4", "5", "6", "124", "76")
# Seconds per key of a practised typist of numbers: the median of clinical keystroke-level models.
SECONDS_A_KEY = 0.28


def test_vital_signs_take_less_than_half_a_minute_and_no_mouse(page: Page, patient, nurse, enter):
    """One Tab from answer to answer where it does not go on by itself, from the previous form to the next."""
    enter(nurse)
    page.goto(f"{address(patient)}#entry")
    expect(field(page, "Date and time")).to_be_focused()
    begun, keys = time.perf_counter(), 0
    for text in KEYS:
        here = page.locator(":focus").evaluate("node => node.name")
        page.keyboard.type(text)
        keys += len(text)
        if page.locator(":focus").evaluate("node => node.name") == here:
            page.keyboard.press("Tab")
            keys += 1
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Saved: Vital signs.")).to_be_visible()
    machine = time.perf_counter() - begun
    print(
        f"vital signs: {keys + 1} keys, machine {machine:.1f} s, by hand {(keys + 1) * SECONDS_A_KEY:.0f} s"
    )
    assert Record.objects.get(patient=patient).state == "complete"
    assert machine + (keys + 1) * SECONDS_A_KEY <= 30
    assert page.locator(":focus").evaluate("node => node.closest('form.entry') !== null")


def test_vital_signs_are_completed_with_the_keyboard_alone(page: Page, patient, nurse, enter):
    """DAT-03: Tab, a decimal comma, the day of the visit, Ctrl+S, Ctrl+Enter."""
    enter(nurse)
    page.goto(address(patient))
    for label, text in SIGNS.items():
        if label == "Glasgow: eyes":
            tab_to(page, group(page, "ACVPU").get_by_label("Alert"))
            page.keyboard.press("Space")
        tab_to(page, field(page, label))
        page.keyboard.type(text)
    page.keyboard.press("Control+s")
    expect(page.get_by_role("list", name="Status of this form").locator("[aria-current]")).to_contain_text(
        "Draft"
    )
    record = Record.objects.get(patient=patient)
    assert (record.state, record.values["temp"], record.values["dbp"]) == ("draft", "36.7", "76")
    assert record.values["measured_at"].startswith(f"{patient.screened_on}T09:05")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Saved: Vital signs.")).to_be_visible()
    record.refresh_from_db()
    assert record.state == "complete"


def test_boxes_are_chosen_with_the_arrow_keys(page: Page, patient, nurse, enter):
    """WCAG 2.1.1: a group of radio buttons is one Tab stop; the arrow keys move within it."""
    enter(nurse)
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
def test_one_letter_is_a_day(page: Page, patient, nurse, enter, key, before):
    """DAT-03: t is today, y is yesterday; the field shows the date that was read."""
    enter(nurse)
    page.goto(address(patient, "medical_history"))
    scan = field(page, "Diagnosis of COVID-19")
    tab_to(page, scan)
    page.keyboard.type(key)
    page.keyboard.press("Tab")
    expected = day(build.today(patient) - timedelta(days=before))
    expect(scan).to_have_value(re.compile(expected, re.IGNORECASE))


def test_a_group_is_marked_not_done_and_back_without_the_mouse(page: Page, patient, nurse, enter):
    """DAT-02: one key on its button; focus and typed values stay, and it can be undone."""
    enter(nurse)
    page.goto(address(patient))
    heart = field(page, "Heart rate")
    heart.focus()
    page.keyboard.type("72")
    page.keyboard.press("Shift+Tab")
    button = page.get_by_role("button", name=re.compile("Measurement$"))
    page.keyboard.press("F9")
    expect(page.get_by_text("3 items are marked not done.")).to_be_visible()
    expect(page.get_by_label("Why it is missing").locator("visible=true")).to_have_count(3)
    expect(heart).to_have_value("72")
    expect(heart).to_be_focused()
    expect(button).to_have_accessible_name(re.compile("^Take .* back"))
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 marks are removed.")).to_be_visible()
    expect(button).to_be_focused()
    expect(page.get_by_label("Why it is missing").locator("visible=true")).to_have_count(0)


def test_a_unit_is_switched_beside_the_number_and_the_conversion_is_shown(page: Page, patient, nurse, enter):
    """DAT-10: F4 focuses the unit; the typed number stays; nothing is rounded."""
    enter(nurse)
    page.goto(address(patient, "biochemistry"))
    protein = field(page, "C-reactive protein")
    protein.focus()
    page.keyboard.type("7,05")
    page.keyboard.press("F4")
    unit = page.get_by_label("Unit of C-reactive protein", exact=True)
    expect(unit).to_be_focused()
    page.keyboard.press("m")
    unit.select_option("mg/dL")
    expect(page.get_by_text("= 70.50 mg/L")).to_be_visible()
    expect(protein).to_have_value(re.compile("^7[.,]05$"))
    unit.select_option("mg/L")
    expect(page.get_by_text("= 70.50 mg/L")).to_have_count(0)
    expect(protein).to_have_value(re.compile("^7[.,]05$"))


def test_a_code_is_given_in_any_field_by_one_key(page: Page, patient, nurse, enter):
    """DAT-02: in fields where letters are answers, F8 asks for the missing code; Tab goes on to the next question."""
    enter(nurse)
    page.goto(address(patient))
    group(page, "ACVPU").get_by_label("Alert").focus()
    page.keyboard.press("F8")
    why = group(page, "ACVPU").get_by_label("Why it is missing")
    expect(why).to_be_focused()
    page.keyboard.press("n")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert Record.objects.get().values == {"acvpu": {"missing": "ND"}}


def test_a_table_is_filled_without_the_mouse_while_the_server_answers(page: Page, nurse, enter):
    """DAT-03: Enter moves from cell to cell and to a new row; the server's answer moves neither focus nor caret."""
    included = build.enrolled(trial=build.trial())
    enter(nurse)
    where = f"/trials/{included.trial.slug}/patients/{included.code}/visits/INF1/infusion_monitoring/"
    page.goto(where)
    table = page.get_by_role("table").last
    rows = table.get_by_role("row")
    before = rows.count()
    cells = rows.nth(before - 1).locator("td :is(input[type=text], select:not(.unit))")
    cells.last.focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(before + 1)
    page.keyboard.type("1")
    held = []
    page.route("**/check/", lambda route: held.append(route), times=1)
    with page.expect_request("**/check/"):
        page.keyboard.press("Enter")
    page.keyboard.type("72")
    page.keyboard.press("ArrowLeft")
    with page.expect_response("**/check/"):
        held[0].continue_()
    here = page.locator(":focus")
    assert here.evaluate("node => [node.value, node.selectionStart]") == ["72", 1]
    page.keyboard.press("Control+Delete")
    gone = rows.nth(before).get_by_role("checkbox", name=re.compile("^Remove row"))
    expect(gone).to_be_checked()
    page.keyboard.press("Control+Delete")
    expect(gone).not_to_be_checked()
    for _ in range(cells.count() - 1):
        page.keyboard.press("Enter")
    expect(rows).to_have_count(before + 2)
    page.keyboard.press("Enter")
    assert page.locator(":focus").evaluate(
        "node => node.closest('table') === null && node.form.id === 'entry'"
    )


@pytest.mark.parametrize("scripts", [True, False])
def test_rows_keep_their_identity_when_others_come_and_go(browser, base_url, nurse, scripts):
    """UX-11: a row is added and one removed, with and without scripts; the query of the row that stays is open."""
    included = build.enrolled(trial=build.trial())
    context = browser.new_context(base_url=base_url, java_script_enabled=scripts)
    page = context.new_page()
    sign_in(page, nurse)
    where = f"/trials/{included.trial.slug}/patients/{included.code}/visits/INF1/infusion_monitoring/"
    page.goto(where)
    page.get_by_label("Heart rate (beats/min), row 1").fill("80")
    page.get_by_label("Heart rate (beats/min), row 2").fill("190")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_label("Heart rate (beats/min), row 2")).to_have_value("190")
    expect(page.get_by_text("Saved", exact=False).first).to_be_visible()
    first, second = (row["_row"] for row in Record.objects.get(form="infusion_monitoring").values["series"])
    before = page.get_by_role("checkbox", name=re.compile("^Remove row")).count()
    page.get_by_role("button", name="Add a row").click()
    added = page.get_by_label(f"Heart rate (beats/min), row {before + 1}")
    added.fill("70")
    page.get_by_role("checkbox", name="Remove row 1", exact=True).check()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_label("Heart rate (beats/min), row 1")).to_have_value("190")
    rows = Record.objects.get(form="infusion_monitoring").values["series"]
    assert [row["hr"] for row in rows] == ["190", "70"]
    assert rows[0]["_row"] == second
    assert rows[1]["_row"] not in (first, second)
    assert list(Query.objects.values_list("row", "state")) == [(second, "open")]
    page.goto(f"/trials/{included.trial.slug}/queries/")
    expect(page.get_by_text("row 1 · Heart rate 190 beats/min")).to_be_visible()
    context.close()


def test_rows_of_a_log_are_entered_one_after_the_other(page: Page, patient, nurse, enter):
    """DAT-03: a row opens in the list; Ctrl+Enter saves it and opens the next, without the mouse."""
    enter(nurse)
    log = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/proning/"
    page.goto(log)
    page.get_by_role("link", name="Add a row").focus()
    page.keyboard.press("Enter")
    for number in (1, 2):
        expect(page.get_by_text(f"Row {number}", exact=True)).to_be_visible()
        assert page.locator(":focus").evaluate("node => node.closest('form.entry') !== null")
        page.keyboard.type(f"{day(patient.screened_on)} 1{number}:30")
        for question in ("Still going on", "Awake, not intubated"):
            tab_to(page, group(page, question).get_by_label("Yes"))
            page.keyboard.press("Space")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(re.compile(rf"row={number + 1}"))
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)
    assert Record.objects.filter(form="proning", state="complete").count() == 2


def test_any_form_of_a_patient_is_two_clicks_away(page: Page, patient, nurse, enter):
    """The visit, then its form; a form of the same visit or a log is one click."""
    enter(nurse)
    page.goto(address(patient))
    most = 0
    places = page.get_by_role("navigation", name=re.compile("^Casebook of"))
    shown = {link.get_attribute("href") for link in places.get_by_role("link").all()}
    for visit in patient.visits.all():
        link = f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/{visit.key}/"
        forms = [entry.form for entry in forms_of(patient.protocol, visit)]
        clicks = {form: 1 if f"{link}{form}/" in shown else 2 for form in forms}
        assert link in shown or all(count == 1 for count in clicks.values())
        if visit.key != "SCR" and forms:
            listed = page.request.get(link).text()
            assert all(f'href="{link}{form}/"' in listed for form in forms)
        most = max([most, *clicks.values()])
    print(f"any form of a patient: {most} clicks at most")
    assert most <= 2


def test_everything_works_without_scripts(browser, base_url, patient, nurse):
    """UX-11: entry, a draft, an error beside its field, completing; nothing typed is lost."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, nurse)
    page.goto(address(patient))
    for label, text in {**SIGNS, "Temperature": "warm"}.items():
        field(page, label).fill(text)
    group(page, "ACVPU").get_by_label("Alert").check()
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
    expect(page.get_by_text("Saved: Vital signs.")).to_be_visible()
    assert Record.objects.get().state == "complete"
    context.close()


def test_without_scripts_a_missing_answer_is_named_and_led_to(browser, base_url, patient, nurse):
    """DAT-02: a form is complete only with an answer, or a missing code, for every question."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, nurse)
    page.goto(address(patient, "demography"))
    result = eligible_answers.OF[patient.trial.slug](patient.screened_on)["demography"]
    field(page, "Age at consent").fill(result["age"])
    page.get_by_role("button", name="Save and next form").click()
    expect(field(page, "Age at consent")).to_have_value(result["age"])
    page.get_by_role("alert").get_by_role("link", name=re.compile("^Height")).click()
    expect(page).to_have_url(re.compile("#"))
    assert not Record.objects.filter(state="complete").exists()
    context.close()
