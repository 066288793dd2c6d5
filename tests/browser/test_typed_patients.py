"""One patient is entered by keyboard, from screening to the end of the study.

The patient of the other shipped trial is entered without a browser: tests/config/test_posted_patient.py.
"""

from datetime import timedelta
from typing import Any

import pytest

from patients.models import Visit
from patients.models.visit_forms import forms_of
from tests.browser.pages import Walk, day
from tests.browser.typist import Typist
from tests.support import build
from tests.support.study import product_chain
from tests.support.study.whole_patient import WholePatient

pytestmark = [pytest.mark.browser, pytest.mark.one_engine, pytest.mark.django_db(transaction=True)]

# Seconds per key of a practised typist of numbers: the median of clinical keystroke-level models.
SECONDS_A_KEY = 0.28
# At most 80 % of the keys that the whole patient took when they were first counted.
FIRST_COUNTED, MOST_OF_THEM = 4880, 0.80


class Typing(WholePatient):
    """The course of one patient; each person has a browser and a keyboard."""

    def __init__(self, walk: Walk, slug: str, days_ago: int) -> None:
        super().__init__(slug, days_ago)
        self.walk = walk
        self.hands: dict[str, Typist] = {}

    def by(self, role: str) -> Typist:
        """Return the keyboard of a role. The person signs in on first use."""
        if role not in self.hands:
            hands = self.hands[role] = Typist(self.walk.open(), self.trial.zone)
            hands.goto("/accounts/login/")
            hands.type(self.people[role].username)
            hands.press("Tab")
            hands.type(build.PASSWORD)
            hands.away("Enter")
            assert "/trials/" in hands.page.url, f"{role} is not signed in"
            hands.on_arrival = self.walk.look
        return self.hands[role]

    def open_casebook(self, role: str) -> Typist:
        """Open the casebook through the search."""
        hands = self.by(role)
        hands.press("/")
        hands.type(self.patient.code)
        hands.away("Enter")
        if "/search/" in hands.page.url:
            hands.follow(self.patient.code)
        return hands

    def title(self, infusion: int) -> str:
        """Return the title of the visit of an infusion."""
        return next(each for each in self.rules.visits if each.infusion == infusion).title.in_language("en")

    def screened(self) -> None:
        """Screen the patient and record the consent."""
        hands = self.by("coordinator")
        hands.follow("Screen a patient")
        hands.type(day(self.start))
        hands.write(name="Invented Person", hospital_number="0042-7")
        hands.away("Enter")
        hands.follow("Consent")
        hands.choose("Patient")
        hands.to("version")
        hands.press("End")
        hands.write(given=f"{day(self.start)} 8:05")
        hands.away("Control+Enter")

    def screening_entered(self) -> None:
        """Enter every screening form, with answers that meet all eligibility criteria."""
        hands, visit = self.by("coordinator"), self.patient.visits.get(code="SCR")
        hands.follow("Screening")
        visit = self.held(visit)
        self.forms(visit, self.at_screening())

    def held(self, visit: Visit) -> Visit:
        """Record the day of the visit and go on to its first form. Return the visit."""
        hands = self.by("coordinator")
        if not hands.here():
            hands.to("Visit held")
        hands.away("Enter")
        hands.type(day(visit.planned_on or self.start))
        hands.away("Enter")
        hands.away("Enter")
        return Visit.objects.get(pk=visit.pk)

    def forms(self, visit: Visit, answers: dict[str, dict[str, Any]] | None = None) -> None:
        """Enter the forms of a visit in the order in which each page leads to the next."""
        hands = self.by("coordinator")
        while (code := hands.page.url.split("/")[-2]) != visit.key:
            values = answers[code] if answers else self.answers(code, visit)
            hands.enter(self.rules.form(code), values, visit.held_on, visit=visit.key)
            self.typed[visit.key, code] = values

    def decided(self) -> None:
        """Sign the eligibility as the investigator and include the patient as the coordinator."""
        hands = self.open_casebook("investigator")
        hands.follow("Eligibility")
        hands.write(**{"Evaluated for inclusion": day(self.start)})
        hands.away("Enter")
        # The day is typed once: the decision and the inclusion carry it.
        hands.to("conclusion")
        hands.choose("Eligible")
        hands.write(password=build.PASSWORD)
        hands.away("Enter")
        hands = self.open_casebook("coordinator")
        hands.follow("Inclusion")
        hands.to("on")
        hands.away("Enter")

    def followed(self) -> None:
        """Hold or miss every visit after screening, in the order in which the pages lead on."""
        hands = self.open_casebook("coordinator")
        hands.follow(self.title(1))
        for plan, visit, is_held in self.visits():
            if is_held:
                self.visited(self.held(visit), plan.infusion)
            else:
                hands.to("Visit missed")
                hands.away("Enter")
                hands.type("The patient was at home")
                hands.away("Control+Enter")
            if plan is not self.rules.visits[-1]:
                assert hands.stop().text.startswith("Next visit: ")
                hands.away("Enter")

    def visited(self, visit: Visit, infusion: int | None) -> None:
        """Enter the forms of a visit, some optional ones, and the infusion."""
        hands = self.by("coordinator")
        self.forms(visit)
        for asked in forms_of(self.patient.protocol, visit):
            if asked.when == "available" and self.is_wanted():
                hands.to(self.rules.form(asked.form).title.in_language("en"), key="Shift+Tab")
                hands.away("Enter")
                self.forms(visit)
        if infusion:
            self.infused(visit, infusion)
            # The form of the infusion is asked now that it was given: the visit leads on to it.
            hands.away("Enter")
            self.forms(visit)

    def infused(self, visit: Visit, number: int) -> None:
        """Record the infusion at the bedside and its product, and return to the visit."""
        hands, on = self.by("coordinator"), day(visit.held_on)
        hands.to("The infusion at the bedside", key="Shift+Tab")
        hands.away("Enter")
        hands.type(self.weight.replace(".", ","))
        times = {"weight_measured": "12:00", "started": "14:00", "ended": "14:40"}
        hands.write(**{name: f"{on} {clock}" for name, clock in times.items()}, volume_ml="100")
        hands.to("interrupted")
        hands.choose("No")
        hands.write(premedication="none")
        hands.press("Enter")
        hands.choose("Yes")
        hands.away("Control+Enter")
        self.prepared(number, on)
        hands.follow("Forms of this visit")

    def prepared(self, number: int, on: str) -> None:
        """Record the product as the cell laboratory; an arm without cells has none."""
        hands = self.open_casebook("cell_laboratory")
        hands.follow(self.title(number))
        hands.follow("The infusion at the bedside")
        hands.follow("Open the product")
        cells = "Placebo" not in hands.page.get_by_role("main").inner_text()
        bag = product_chain.bag(self.trial, f"B-203-{number}", of=f"L-203-{number}", cells=cells)
        hands.write(bags=bag.number)
        if cells:
            answers = {
                "Thawed at": f"{on} 13:30",
                "Viable cells given": self.million_cells(),
                "Viability": "93,5",
            }
            hands.write(**answers)
        hands.away("Control+Enter")

    def logged(self) -> None:
        """Enter one row in each log that applies to the patient."""
        for code, values in self.logs():
            hands, form = self.open_casebook("coordinator"), self.rules.form(code)
            hands.follow(form.title.in_language("en"))
            hands.follow("Add a row")
            hands.enter(form, values, None, visit="log")
            self.typed["log", code] = values
            hands.to("Only the list", key="Shift+Tab")
            hands.away("Enter")

    def reported(self) -> None:
        """Report an adverse event."""
        hands = self.open_casebook("coordinator")
        hands.follow("Adverse event")
        hands.type("Headache")
        began = self.start + timedelta(days=5)
        hands.write(onset=f"{day(began)} 10:30")
        hands.to("ongoing")
        hands.choose("No")
        hands.write(end=day(began + timedelta(days=1)))
        hands.to("grade")
        hands.choose("2 Moderate")
        hands.to("seriousness")
        hands.choose("None of these")
        hands.press("Space")
        for name, answer in (
            ("outcome", "Recovered"),
            ("action_taken", "None"),
            ("aesi", "Not of special interest"),
        ):
            hands.to(name)
            hands.choose(answer)
        hands.away("Control+Enter")

    def ended(self) -> None:
        """End the study as completed."""
        hands = self.open_casebook("coordinator")
        hands.follow("End of study")
        hands.type(day(self.last_day))
        hands.press("Tab")
        hands.choose("Completed")
        hands.away("Enter")

    def signed(self) -> None:
        """Sign every complete form with one password, as the investigator."""
        hands = self.open_casebook("investigator")
        hands.follow("Sign")
        hands.press("Tab", "Enter", "Tab")
        while (stop := hands.stop()).type != "password":
            if stop.text.startswith(("Tick every form of", "I reviewed the content of")):
                hands.press("Space")
            if stop.name == "meaning":
                hands.choose("Approval")
            hands.press("Tab")
        hands.type(build.PASSWORD)
        hands.away("Enter")


@pytest.mark.long
def test_a_patient_is_typed_without_a_mouse(walk):
    """WCAG 2.1.1, 2.4.7, 2.4.11: all typed values are stored, all forms complete; the focus is never lost or hidden.

    axe looks once at each kind of page on the way.
    """
    way = Typing(walk, build.LIEGE, days_ago=100)
    try:
        way.went()
    finally:
        told(way)
    entered = way.by("coordinator").entered
    assert [each for each in entered if each.tabs_before] == []
    assert sum(each.keys for each in entered) <= MOST_OF_THEM * FIRST_COUNTED
    assert [fault for hands in way.hands.values() for fault in hands.faults] == []
    # htmx logs this when a check is requested again before the previous answer.
    assert [fault for fault in walk.faults if "htmx:" not in fault] == []


def told(way: Typing) -> None:
    """Print the number of keys and seconds (`make keys`). No click: a mouse that is used is an error of the page."""
    entered = way.by("coordinator").entered
    keys, seconds = sum(each.keys for each in entered), sum(each.seconds for each in entered)
    print(f"{way.trial.slug}: {len(entered)} forms, {keys} keys, 0 clicks, machine {seconds:.0f} s", end=", ")
    print(
        f"by hand {keys * SECONDS_A_KEY / 60:.0f} min; all people {sum(each.keys for each in way.hands.values())} keys"
    )
    print(f"  {keys / FIRST_COUNTED:.0%} of the {FIRST_COUNTED} keys first counted", end=", ")
    print(f"{sum(len(values) for values in way.typed.values())} values")
    of_form: dict[str, list[int]] = {}
    for each in entered:
        of_form.setdefault(each.form, []).append(each.keys)
    for form, found in sorted(of_form.items(), key=lambda item: -sum(item[1])):
        print(f"  {form}: {sum(found)} keys in {len(found)} forms, at most {max(found)}")
