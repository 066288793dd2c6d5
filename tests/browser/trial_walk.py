"""The course of one patient through a trial, step by step, through the pages of each role."""

import re
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from io import BytesIO
from random import Random
from zipfile import ZipFile

from playwright.sync_api import Page, expect

from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.models import Patient, Visit
from patients.participation.visits import miss_visit
from protocol.simulation.answers import Simulation, simulated_values
from tests.browser.pages import Walk, choose, day, field, fill_in, follow, press
from tests.support import build
from tests.support.study import eligible_answers, product_chain

TYPED_AT_SCREENING = ("demography", "pregnancy_test", "eligibility")


class Way:
    """The course of one patient; each person has a browser."""

    def __init__(self, walk: Walk, slug: str, days_ago: int) -> None:
        self.walk, self.trial = walk, build.trial(slug)
        self.rules, self.rng = self.trial.rules, Random(slug)
        self.people = {
            role: build.user(role, trial=self.trial)
            for role in ("coordinator", "investigator", "cell_laboratory", "administrator", "data_manager")
        }
        self.browsers: dict[str, Page] = {}
        self.start = self.trial.today - timedelta(days=days_ago)

    def page(self, role: str) -> Page:
        """Return the browser of a role. The person signs in on first use."""
        if role not in self.browsers:
            self.browsers[role] = self.walk.arrive(self.people[role])
        return self.browsers[role]

    def look(self, role: str) -> None:
        """Check the page that a role sees now."""
        self.walk.look(self.page(role), by=role)

    def signed(self) -> None:
        """Sign every complete form of the patient with one password, as the investigator."""
        page = self.page("investigator")
        page.goto(self.casebook)
        page.get_by_role("main").get_by_role("link", name=re.compile("^Sign [0-9]+ forms")).click()
        self.look("investigator")
        ticks = re.compile("^(Tick every form of|I reviewed the content of) ")
        for box in page.get_by_role("main").get_by_role("checkbox", name=ticks).all():
            box.check()
        choose(page, "Meaning of the signature", "Approval")
        page.get_by_label("Your password").fill(build.PASSWORD)
        press(page, "Sign the chosen forms")
        page.wait_for_url(f"**{self.casebook}")
        expect(page.get_by_role("link", name=re.compile("^Sign [0-9]+ form"))).to_have_count(0)

    @property
    def patient(self) -> Patient:
        """Return the patient as currently stored."""
        return Patient.objects.get(trial=self.trial)

    @property
    def casebook(self) -> str:
        """Return the URL of the casebook."""
        return f"/trials/{self.trial.slug}/patients/{self.patient.code}/"

    def open_casebook(self, role: str) -> Page:
        """Open the casebook from the list of patients."""
        page = self.page(role)
        page.goto(f"/trials/{self.trial.slug}/")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Patients").click()
        self.look(role)
        page.get_by_role("main").get_by_role("link", name=self.patient.code).click()
        self.look(role)
        return page

    def simulated(self, form: str, visit: str, on: date, **fixed: str) -> dict:
        """Return plausible answers to a form of a visit. `fixed` answers are kept."""
        opened = Casebook.open(user=self.people["coordinator"], trial=self.trial, code=self.patient.code)
        scope = opened.scope(opened.place(form, visit), {})
        how = Simulation(on=on, blank_rate=0, fixed=fixed)
        return simulated_values(self.rules.form(form), self.rng, self.rules, scope, how)

    def screened(self) -> None:
        """Screen the patient and record the consent."""
        page = self.page("coordinator")
        self.look("coordinator")
        page.get_by_role("main").get_by_role("link", name="Screen a patient").click()
        self.look("coordinator")
        field(page, "Day of screening").fill(day(self.start))
        field(page, "Name").fill("Invented Person")
        field(page, "Hospital number").fill("0042-7")
        press(page, "Screen the patient")
        page.wait_for_url(re.compile(r"/patients/[A-Z]+-[0-9]+/"))
        expect(page.get_by_role("heading", name=self.patient.code)).to_be_visible()
        self.look("coordinator")
        follow(page, "Consent")
        self.look("coordinator")
        choose(page, "Given by", "Patient")
        field(page, "Version of the form").select_option(self.rules.consent.current_version)
        field(page, "Given on").fill(f"{day(self.start)} 09:00")
        press(page, "Record the consent")
        expect(page.get_by_role("main")).to_contain_text("Adverse event")

    def screening_entered(self) -> None:
        """Type some of the forms that eligibility reads, the evidence last; the others are stored directly."""
        visit = next(visit for visit in self.rules.visits if visit.kind == "screening")
        self.held(Visit.objects.get(patient=self.patient, code=visit.code))
        result = eligible_answers.OF[self.trial.slug](self.start)
        for code in visit.form_codes:
            if code in TYPED_AT_SCREENING:
                self.enter(visit.code, code, result[code])
                continue
            values = result.get(code) or self.simulated(code, visit.code, self.start)
            build.record(self.patient, code, values, visit=visit.code, by=self.people["coordinator"])

    def enter(self, visit: str, form: str, values: dict) -> None:
        """Type one form from the casebook and complete it."""
        page = self.page("coordinator")
        page.goto(self.casebook)
        row = Visit.objects.get(patient=self.patient, code=visit)
        title = self.rules.form(form).title.in_language("en")
        follow(page, self.rules.visit(row.code).title.in_language("en"), among="Visits")
        self.look("coordinator")
        page.get_by_role("main").get_by_role("link", name=title, exact=True).first.click()
        fill_in(page, self.rules.form(form), values)
        self.look("coordinator")
        press(page, "Save and next form")
        expect(page.get_by_text(f"Saved: {title}.")).to_be_visible()

    def decided(self) -> None:
        """Sign the eligibility as the investigator and include the patient as the coordinator."""
        page = self.open_casebook("investigator")
        follow(page, "Eligibility")
        self.look("investigator")
        field(page, "Intended day of inclusion").fill(day(self.start))
        choose(page, "Your conclusion", "Eligible")
        page.get_by_label("Your password").fill(build.PASSWORD)
        press(page, "Sign the decision")
        expect(page.get_by_role("navigation", name=re.compile("Casebook"))).to_contain_text("Eligible")
        page = self.open_casebook("coordinator")
        follow(page, "Inclusion")
        self.look("coordinator")
        field(page, "Day of inclusion").fill(day(self.start))
        press(page, "Include the patient")
        expect(page.get_by_text("is included; the visits are planned.")).to_be_visible()

    def infused(self) -> None:
        """Record every infusion and its product."""
        on = self.start
        for number in range(1, self.rules.dosing.infusions + 1):
            self.given(number, on)
            self.prepared(number, on)
            on += timedelta(days=2 + number)

    def given(self, number: int, on: date) -> None:
        """Record one infusion at the bedside."""
        page = self.page("coordinator")
        page.goto(self.casebook)
        follow(page, f"Infusion {number}")
        self.look("coordinator")
        self.measured(page, on)
        press(page, "Save the infusion")
        expect(page.get_by_role("heading", name="At the bedside")).to_be_visible()
        self.look("coordinator")

    def measured(self, page: Page, on: date) -> None:
        """Type the bedside data of an infusion."""
        page.get_by_label("Weight of the day (kg)").fill(self.demography["weight"].replace(".", ","))
        field(page, "Weight measured at").fill(f"{day(on)} 12:00")
        field(page, "Start").fill(f"{day(on)} 14:00")
        field(page, "End").fill(f"{day(on)} 14:40")
        page.get_by_label("Volume infused (mL)").fill("100")
        choose(page, "Was it interrupted?", "No")
        field(page, "Premedication").fill("none")
        choose(page, "Was it well tolerated?", "Yes")

    def prepared(self, number: int, on: date) -> None:
        """Record the product as the cell laboratory; an arm without cells has none."""
        page = self.open_casebook("cell_laboratory") if number == 1 else self.page("cell_laboratory")
        page.goto(self.casebook)
        follow(page, f"Infusion {number}")
        self.look("cell_laboratory")
        page.get_by_role("main").get_by_role("link", name="Open the product").click()
        self.look("cell_laboratory")
        cells = "Placebo" not in page.get_by_role("main").inner_text()
        bag = product_chain.bag(self.patient.trial, f"B-203-{number}", of=f"L-203-{number}", cells=cells)
        field(page, "Bags").fill(bag.number)
        if cells:
            field(page, "Thawed at").fill(f"{day(on)} 13:30")
            page.get_by_label("Viable cells given (×10⁶)").fill(str(self.million_cells()))
            page.get_by_label("Viability (%)").fill("93.5")
        press(page, "Save the product")
        expect(page.get_by_role("heading", name="What was in the bag")).to_be_visible()
        self.look("cell_laboratory")

    def million_cells(self) -> Decimal:
        """Return the cells of the target dose for the current weight, in millions."""
        per_kg = Decimal(self.rules.dosing.cells_per_kg.target)
        return (per_kg * Decimal(self.demography["weight"]) / 1_000_000).quantize(Decimal(1), ROUND_FLOOR)

    def followed(self) -> None:
        """Enter vital signs at the first infusion, an unscheduled visit and the vital status; miss the other visits."""
        self.enter("INF1", "vitals", self.vitals())
        self.unscheduled()
        last = Visit.objects.get(patient=self.patient, code=self.rules.visits[-1].code)
        alive = self.simulated("vital_status", last.code, last.planned_on, survival_status="ALIVE")
        self.enter(last.code, "vital_status", alive)
        self.held(last)
        self.missed()

    def vitals(self) -> dict:
        """Return vital signs for the day of the first infusion, with the weight of screening."""
        values = self.simulated("vitals", "INF1", self.start)
        return values | {"weight": self.demography["weight"]}

    def held(self, visit: Visit) -> None:
        """Record the day on which a visit took place."""
        page = self.page("coordinator")
        page.goto(f"{self.casebook}visits/{visit.key}/")
        page.get_by_role("link", name=re.compile("Visit held|Correct the day")).click()
        self.look("coordinator")
        field(page, "Held on").fill(day(visit.planned_on))
        press(page, "Record the visit")
        page.wait_for_url(f"**/visits/{visit.key}/#next")

    def unscheduled(self) -> None:
        """Add an unscheduled visit."""
        page = self.page("coordinator")
        page.goto(self.casebook)
        follow(page, "Unscheduled visit", among="Visits")
        self.look("coordinator")
        field(page, "Held on").fill(day(self.start + timedelta(days=10)))
        field(page, "Reason").fill("Fever at home")
        press(page, "Add the visit")
        expect(page.get_by_text("Fever at home")).to_be_visible()
        self.look("coordinator")

    def missed(self) -> None:
        """Mark one visit as missed on its page, and the others directly."""
        page, by = self.page("coordinator"), self.people["coordinator"]
        waiting = list(self.patient.visits.filter(state=Visit.State.PLANNED).order_by("position"))
        page.goto(f"{self.casebook}visits/{waiting[0].key}/")
        page.get_by_role("link", name="Visit missed").click()
        self.look("coordinator")
        field(page, "Reason").fill("The patient was at home")
        press(page, "Record as missed")
        page.wait_for_url(f"**/visits/{waiting[0].key}/#next")
        for visit in waiting[1:]:
            with acting(user=by, role="coordinator"):
                miss_visit(visit=visit, reason="The patient was at home", by=by)

    def reported(self) -> None:
        """Report one event that is not serious and one that is, and report that one to the sponsor."""
        page = self.report("Headache", 5, "None of these")
        page = self.report("Pulmonary embolism", 6, "Hospitalisation or its prolongation")
        page.get_by_role("link", name="Reported to sponsor").click()
        self.look("coordinator")
        field(page, "Reported to the sponsor").fill(f"{day(self.start + timedelta(days=6))} 20:00")
        press(page, "Stop the clock")
        expect(page.get_by_role("heading", name="Report to the sponsor")).to_be_visible()
        self.look("coordinator")

    def report(self, term: str, after: int, criterion: str) -> Page:
        """Report one event from the casebook."""
        page, on = self.page("coordinator"), day(self.start + timedelta(days=after))
        page.goto(self.casebook)
        page.get_by_role("main").get_by_role("link", name="Adverse event", exact=True).click()
        self.look("coordinator")
        field(page, "Event").fill(term)
        choose(page, "Is it still going on?", "No")
        field(page, "Onset").fill(f"{on} 10:30")
        field(page, "End").fill(day(self.start + timedelta(days=after + 1)))
        choose(page, "Grade (CTCAE 5.0)", "3 Severe")
        choose(page, "Is it serious? Tick all that apply", criterion)
        if criterion != "None of these":
            field(page, "Site learned of the event").fill(f"{on} 12:00")
        field(page, "Outcome").select_option(label="Recovered")
        field(page, "Action taken with the product").select_option(label="None")
        field(page, "Special interest").select_option(label="Not of special interest")
        press(page, "Save the event")
        expect(page.get_by_text(re.compile(f"{term}")).first).to_be_visible()
        self.look("coordinator")
        return page

    def reviewed(self) -> None:
        """Assess the causality of both events and sign them with one password, as the investigator."""
        page = self.page("investigator")
        for number in (1, 2):
            self.judged(page, number)
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Adverse events").click()
        self.look("investigator")
        page.get_by_label("Tick every row of this page").check()
        press(page, "Review and sign")
        self.look("investigator")
        field(page, "Meaning of your signature").select_option(label="Review")
        page.get_by_label("Your password").fill(build.PASSWORD)
        press(page, "Sign 2 adverse events")
        expect(page.get_by_text("2 adverse events signed.")).to_be_visible()

    def judged(self, page: Page, number: int) -> None:
        """Assess the causality of one event."""
        page.goto(f"{self.casebook}adverse-events/{number}/")
        self.look("investigator")
        page.get_by_role("link", name="Change", exact=True).click()
        self.look("investigator")
        field(page, "Causality of the product").select_option(label="Possible")
        field(page, "Reason for the change").select_option(label="New information")
        press(page, "Save the change")
        expect(page.get_by_role("heading", name="What was reported")).to_be_visible()

    def amended(self) -> None:
        """Change one value of a complete form, with a reason."""
        page = self.page("coordinator")
        page.goto(f"{self.casebook}visits/SCR/demography/")
        expect(field(page, "Height")).to_have_count(0)
        page.keyboard.press("e")
        field(page, "Height").fill("171")
        field(page, "Reason").select_option(index=1)
        press(page, "Save the change")
        height = page.get_by_role("main").get_by_role("definition").filter(has_text="171 cm")
        expect(height.first).to_be_visible()

    def ended(self) -> None:
        """End the study as completed."""
        page = self.page("coordinator")
        page.goto(self.casebook)
        follow(page, "End of study")
        self.look("coordinator")
        field(page, "Day of the end of study").fill(day(self.start + timedelta(days=self.length)))
        choose(page, "The study ended by", "Completed")
        press(page, "End the study")
        page.wait_for_url(f"**{self.casebook}")
        self.look("coordinator")

    @property
    def length(self) -> int:
        """Return the length of follow-up in days."""
        return self.rules.trial.follow_up_days

    def exported(self) -> str:
        """Export as the administrator. Return the table of patients."""
        page = self.page("administrator")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Exports").click()
        self.look("administrator")
        field(page, "What the export is for").fill("Walk through the trial")
        with page.expect_download() as download:
            press(page, "Export")
        with open(download.value.path(), "rb") as file, ZipFile(BytesIO(file.read())) as archive:
            return archive.read("patients.csv").decode()

    def traced(self) -> None:
        """Find the old and the new value of the amended item in the trail, as the data manager."""
        page = self.page("data_manager")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit trail").click()
        self.look("data_manager")
        filters = page.get_by_role("search", name="Filters")
        field(filters, "Patient").fill(self.patient.code)
        filters.get_by_role("button", name="Filter").click()
        filters = page.get_by_role("search", name="Filters")
        field(filters, "Form or table").select_option(label="Demography")
        filters.get_by_role("button", name="Filter").click()
        table = page.get_by_role("table")
        expect(table).to_contain_text("new value 171")
        expect(table).to_contain_text(f"old value {self.demography['height']}")

    @property
    def demography(self) -> dict:
        """Return the demography as first typed."""
        return eligible_answers.OF[self.trial.slug](self.start)["demography"]


def went(way: Way) -> None:
    """Take the patient through all steps. Fails if the browser or axe reported an error on any page."""
    way.screened()
    way.screening_entered()
    way.decided()
    way.infused()
    way.followed()
    way.reported()
    way.reviewed()
    way.amended()
    way.ended()
    way.signed()
    assert way.patient.code in way.exported()
    way.traced()
    assert way.walk.faults == []
