"""One patient is entered from screening to the end of the study by what a browser without scripts sends.

The patient of the other shipped trial is entered by keyboard: tests/browser/test_typed_patients.py.
"""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from patients.models import Visit
from patients.models.visit_forms import forms_of
from protocol.document.items import Form, Item
from protocol.values.labels import is_missing, typed
from tests.support import build
from tests.support.pages.html_forms import PageForm, form_with, forms
from tests.support.study import product_chain as chain
from tests.support.study.whole_patient import EVENT, WholePatient
from trials.models import Trial

pytestmark = [pytest.mark.long, pytest.mark.django_db]

NEXT = re.compile(r'<a id="next" href="([^"#]*)')
MOST_FORMS = 40


def day(on: date) -> str:
    """Return a day as people type it."""
    return f"{on:%d-%b-%Y}"


class Posting(WholePatient):
    """Each person has a client. Every input that is answered must be on the page."""

    def __init__(self, slug: str, days_ago: int) -> None:
        super().__init__(slug, days_ago)
        self.clients = {role: build.client(person) for role, person in self.people.items()}

    @property
    def casebook(self) -> str:
        return f"/trials/{self.trial.slug}/patients/{self.patient.code}/"

    def send(self, role: str, address: str, *, step: str = "step", **answers: str | list[str]) -> str:
        """Answer the form of a page and send it; return where that leads to. It must not be refused."""
        client = self.clients[role]
        form = next(
            each
            for each in forms_in(client.get(address))
            if each.attributes.get("class", "").startswith(step)
        )
        answer = client.post(address, form.sent(**answers))
        assert answer.status_code == 302, (address, refusals(answer))
        return answer["Location"]

    def screened(self) -> None:
        identity = {"name": "Invented Person", "hospital_number": "0042-7"}
        start, version = day(self.start), self.rules.consent.current_version
        self.send("coordinator", f"/trials/{self.trial.slug}/patients/screen/", screened_on=start, **identity)
        given = {"type": "patient", "version": version, "given": f"{start} 8:05"}
        self.send("coordinator", f"{self.casebook}consent/", **given)

    def screening_entered(self) -> None:
        answers = self.at_screening()
        visit = self.held(self.patient.visits.get(code="SCR"))
        self.forms(visit, answers)

    def held(self, visit: Visit) -> Visit:
        """Record on which day the visit took place."""
        at = f"{self.casebook}visits/{visit.key}/"
        onward = self.send("coordinator", f"{at}hold/", on=day(visit.planned_on or self.start))
        assert onward.startswith(at)
        return Visit.objects.get(pk=visit.pk)

    def forms(self, visit: Visit, answers: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Enter the forms of a visit one after the other, as each page leads to the next."""
        page = self.clients["coordinator"].get(f"{self.casebook}visits/{visit.key}/").content.decode()
        self.entered(visit, NEXT.search(page)[1], answers)

    def entered(
        self, visit: Visit, address: str, answers: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        """Enter a form and those to which it leads, until the page of the visit."""
        for _form in range(MOST_FORMS):
            if (code := address.partition("#")[0].split("/")[-2]) == visit.key:
                return
            values = answers[code] if answers else self.answers(code, visit)
            address = self.enter(address, self.rules.form(code), values)
            self.typed[visit.key, code] = values
        raise AssertionError(f"{address} does not lead to the page of {visit.key}")

    def enter(self, address: str, form: Form, values: Mapping[str, Any]) -> str:
        """Answer a form, say why what is doubted is right, complete it; return where that leads to."""
        client, address = self.clients["coordinator"], address.partition("#")[0]
        page = form_with(client.get(address).content.decode(), id="entry")
        answers = {
            name: text
            for item in form.items
            if item.name in values
            for name, text in inputs(item, values[item.name]).items()
        }
        result = client.post(f"{address}check/", page.sent(**answers))
        doubted = json.loads(result["HX-Trigger"])["stroma:checked"]["soft"]
        reasons = {f"{name}-confirm": "seen again" for name in doubted}
        button = page.button(data_save_next="")
        answer = client.post(address, page.sent(button=button, **answers, **reasons))
        assert answer.status_code == 302, (address, refusals(answer))
        return answer["Location"]

    def decided(self) -> None:
        start = day(self.start)
        asked = self.clients["investigator"].get(f"{self.casebook}eligibility/", {"inclusion_on": start})
        assert f"Evaluated for inclusion on {start}" in asked.content.decode()
        decision = {"inclusion_on": start, "conclusion": "eligible", "password": build.PASSWORD}
        self.send("investigator", f"{self.casebook}eligibility/", **decision)
        self.send("coordinator", f"{self.casebook}enrol/", on=start)

    def followed(self) -> None:
        for plan, visit, is_held in self.visits():
            if is_held:
                self.visited(self.held(visit), plan.infusion)
            else:
                missed = f"{self.casebook}visits/{visit.key}/miss/"
                self.send("coordinator", missed, reason="The patient was at home")

    def visited(self, visit: Visit, infusion: int | None) -> None:
        """Enter the forms of a visit, some that need not be, and what was infused."""
        self.forms(visit)
        for asked in forms_of(self.patient.protocol, visit):
            if asked.when == "available" and self.is_wanted():
                self.entered(visit, f"{self.casebook}visits/{visit.key}/{asked.form}/")
        if infusion:
            self.infused(visit, infusion)
            # The form of the infusion is asked now that it was given.
            self.forms(visit)

    def infused(self, visit: Visit, number: int) -> None:
        """What happened at the bedside, then what was in the bag; in an arm without cells there are none."""
        on, address = day(visit.held_on), f"{self.casebook}infusions/{number}/"
        times = {"weight_measured": f"{on} 12:00", "started": f"{on} 14:00", "ended": f"{on} 14:40"}
        course = {"volume_ml": "100", "interrupted": "N", "premedication": "none", "tolerated": "Y"}
        self.send("coordinator", address, step="card entry", weight_kg=self.weight, **times, **course)
        product = f"{address}preparation/"
        page = self.clients["cell_laboratory"].get(product).content.decode()
        trial, placebo = Trial.objects.get(slug=self.patient.trial.slug), "Placebo" in page
        made = chain.named_lot(
            trial, f"L-{'S' if placebo else 'C'}", of="D-17", frozen=not placebo, cells=not placebo
        )
        bag = {"bags": chain.bag(trial, f"B-{self.patient.pk}-{number}", of=made.number).number}
        if not placebo:
            bag |= {"thawed": f"{on} 13:30"}
            bag |= {"viable_cells": self.million_cells(), "viability_percent": "93.5"}
        self.send("cell_laboratory", product, step="card entry", **bag)

    def logged(self) -> None:
        for code, values in self.logs():
            self.enter(f"{self.casebook}logs/{code}/1/", self.rules.form(code), values)
            self.typed["log", code] = values

    def reported(self) -> None:
        began = self.start + timedelta(days=5)
        times = {"ongoing": "N", "onset": f"{day(began)} 10:30", "end": day(began + timedelta(days=1))}
        event = {**EVENT, **times, "seriousness": ["none_of_these"]}
        self.send("coordinator", f"{self.casebook}adverse-events/new/", step="card entry", **event)

    def ended(self) -> None:
        self.send("coordinator", f"{self.casebook}end/", on=day(self.last_day), reason="completed")

    def signed(self) -> None:
        address = f"{self.casebook}sign/"
        form = next(
            each for each in forms_in(self.clients["investigator"].get(address)) if "chosen" in each.names
        )
        ticked = {name: form.choices[name] for name in ("chosen", "reviewed")}
        signature = {"meaning": "approval", "password": build.PASSWORD}
        self.send("investigator", address, step="with-actions", **ticked, **signature)


def forms_in(page: HttpResponse) -> list[PageForm]:
    assert page.status_code == 200, page
    return forms(page.content.decode())


def inputs(item: Item, value: Any) -> dict[str, str | list[str]]:
    """Return by the name of an input what is sent for a stored value."""
    if item.type == "rows":
        cells = ((f"{item.name}-{number}", row) for number, row in enumerate(value))
        return {
            f"{row}-{name}": text
            for row, values in cells
            for column in item.columns
            if column.name in values
            for name, text in cell(column, values[column.name]).items()
        }
    if item.type == "file":
        return {}
    parts = typed(value, item)
    # A unit that cannot be chosen has no input.
    if not item.units:
        parts.pop("unit", None)
    return {f"{item.name}-{part}" if part else item.name: text for part, text in parts.items()}


def cell(column: Item, value: Any) -> dict[str, str | list[str]]:
    """Return the inputs of a cell: one takes the code of what is missing, or a partial date, as a whole."""
    if is_missing(value):
        return {column.name: value["missing"]}
    return {column.name: value} if column.type == "partial_date" else inputs(column, value)


def refusals(page: HttpResponse) -> list[str]:
    """Return what a page says is wrong, in words."""
    text = page.content.decode()
    found = re.findall(
        r'class="(?:error-summary|invalid-feedback|result[^"]*)".*?</(?:div|ul|p)>', text, re.DOTALL
    )
    return [re.sub(r"<[^>]+>|\s+", " ", each) for each in found]


def test_a_patient_goes_the_whole_way_without_scripts():
    """The pages work without scripts: all sent values are stored, all forms complete and signed."""
    Posting(build.COVID_MSV, days_ago=200).went()
