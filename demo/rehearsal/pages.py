"""Every page of a trial, requested by the people who may read it; what fails is a fault of the file or of the page."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from audit.context import acting
from dosing.models import Infusion, ProductDeviation
from patients.casebook.facts import KINDS
from patients.models import Deviation, Patient, Query
from patients.models.visit_forms import forms_of
from reports.study_figures.registry import of_trial
from safety.models import AdverseEvent
from trials.models import Delegation, Laboratory, ProtocolVersion, Trial
from trials.permissions import Permission
from trials.roles import ROLES

ROLES_AT_ONCE = 3
"""How many roles request a page of the trial; a form is requested by who enters it and by who compares it."""
ENTERS, COMPARES = "coordinator", "monitor"
# The rows behind a number in the address of a patient's page, by a part of it; infusions for every other.
NUMBERED: dict[str, type[Any]] = {
    "adverse-events": AdverseEvent, "product-deviations": ProductDeviation, "deviations": Deviation,
}  # fmt: skip
_PART = re.compile(r"<\w+:(\w+)>")


@dataclass(frozen=True, slots=True)
class PageFault:
    """A page that failed: its address, the role that asked for it, and what happened."""

    address: str
    role: str
    error: str


@dataclass(frozen=True, slots=True)
class _Page:
    """A declared page of a trial: its route with named parts, and who may read it."""

    route: str
    see: Permission

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(_PART.findall(self.route))

    def at(self, parts: dict[str, Any]) -> str:
        return "/" + _PART.sub(lambda found: str(parts[found[1]]), self.route)


class Rendering:
    """Requests the pages of a trial."""

    def __init__(self, trial: Trial, people: dict[str, User]) -> None:
        self.trial, self.people = trial, people
        self.count = 0
        self.faults: list[PageFault] = []
        self._clients: dict[str, Client] = {}

    def run(self) -> None:
        """Request every page once for each object that it can show."""
        for page in _pages(get_resolver().url_patterns):
            seen: set[str] = set()
            for parts in self.objects_of(page):
                form = parts.get("form", "")
                for role in self._readers(page, again=form in seen):
                    self._request(page.at({"slug": self.trial.slug, **parts}), role)
                seen.add(form)

    def _readers(self, page: _Page, *, again: bool) -> list[str]:
        """Return who requests a page; a form that was compared at one visit is only entered at the others."""
        may = [role for role in ROLES if self._may(role, page.see)]
        if "form" in page.parts:
            return [role for role in (ENTERS, COMPARES) if role in may][: 1 if again else 2]
        return may[:ROLES_AT_ONCE]

    def _may(self, role: str, see: Permission) -> bool:
        open_to_all = see is Permission.SEE_TREATMENT and not self.trial.masked
        return see in ROLES[role].permissions or open_to_all

    def _request(self, address: str, role: str) -> None:
        self.count += 1
        try:
            response = self._client(role).get(address)
            error = f"the answer is {response.status_code}" if response.status_code >= 500 else ""
            if getattr(response, "streaming", False):
                b"".join(response)
        except Exception as failure:  # Whatever a page raises would be a 500 to its reader.
            error = f"{type(failure).__name__}: {failure}"
        if error:
            self.faults.append(PageFault(address, role, error[:500]))

    def _client(self, role: str) -> Client:
        if role not in self._clients:
            self._clients[role] = Client()
            with acting(system="rehearsal"):
                self._clients[role].force_login(self.people[role], backend="accounts.backends.PersonBackend")
        return self._clients[role]

    def objects_of(self, page: _Page) -> Iterator[dict[str, Any]]:
        """Yield the named parts of the address for each object; nothing for a part that is not known."""
        needed = set(page.parts) - {"slug"}
        if not needed:
            yield {}
        elif "code" in needed:
            rows = Patient.objects.filter(trial=self.trial).select_related("protocol")
            for patient in rows.order_by("pk"):
                for parts in self._of_patient(page, patient, needed - {"code"}):
                    yield {"code": patient.code, **parts}
        else:
            yield from (parts for parts in self._of_trial(page) if set(parts) == needed)

    def _of_patient(self, page: _Page, patient: Patient, needed: set[str]) -> Iterator[dict[str, Any]]:
        if not needed:
            yield {}
        elif needed == {"visit", "form"}:
            yield from self._forms(page, patient)
        elif needed == {"target", "key", "item"}:
            for target, kind in KINDS.items():
                for row in kind.of_patients({patient.pk: patient})[:1]:
                    item = next(iter(kind.facts(row)), "")
                    yield from ([{"target": target, "key": row.pk, "item": item}] if item else [])
        elif needed == {"visit"}:
            yield from ({"visit": visit.key} for visit in patient.visits.all())
        elif needed <= {"form", "repeat"}:
            for form in patient.protocol.rules.logs:
                # The second number is that of a new entry.
                yield from (
                    ({"form": form, "repeat": repeat} for repeat in (1, 2))
                    if "repeat" in needed
                    else ({"form": form},)
                )
        elif needed == {"number"}:
            rows: Any = next((model for part, model in NUMBERED.items() if part in page.route), Infusion)
            yield from ({"number": row.number} for row in rows.objects.filter(patient=patient))

    def _forms(self, page: _Page, patient: Patient) -> Iterator[dict[str, Any]]:
        """Yield every form at every visit of the first patient; elsewhere each form once, at its first visit."""
        first = not Patient.objects.filter(trial=self.trial, pk__lt=patient.pk).exists()
        everywhere, seen = first and page.route.endswith("visits/<str:visit>/<str:form>/"), set()
        for visit in patient.visits.order_by("position", "pk"):
            for entry in forms_of(patient.protocol, visit):
                if everywhere or entry.form not in seen:
                    seen.add(entry.form)
                    yield {"visit": visit.key, "form": entry.form}

    def _of_trial(self, page: _Page) -> Iterator[dict[str, Any]]:
        versions = list(ProtocolVersion.objects.filter(trial=self.trial).order_by("effective_from", "pk"))
        for version in versions:
            yield {"new": version.version}
            yield {"name": version.version}
        if len(versions) > 1:
            yield {"old": versions[-2].version, "new": versions[-1].version}
        yield from ({"figure": figure.key} for figure in of_trial(self.trial.rules))
        if "queries" in page.route:
            yield from ({"number": row.pk} for row in Query.objects.filter(patient__trial=self.trial)[:3])
        yield {"target": Query.Target.ADVERSE_EVENT}
        for laboratory in Laboratory.objects.filter(trial=self.trial):
            yield {"laboratory": laboratory.code}
        if "people" in page.route:
            for delegation in Delegation.objects.filter(trial=self.trial)[:2]:
                yield {"pk": delegation.user_id}
        for patient in Patient.objects.filter(trial=self.trial)[:1]:
            yield {"level": "patient", "key": patient.pk}


def addresses_of(trial: Trial, *, codes: Collection[str]) -> Iterator[str]:
    """Yield the address of every page that can be read, once for each object; of patients only those named."""
    found = Rendering(trial, {})
    for page in _pages(get_resolver().url_patterns):
        for parts in found.objects_of(page):
            if parts.get("code") in (None, *codes):
                yield page.at({"slug": trial.slug, **parts})


def _pages(patterns: list[Any], before: str = "") -> Iterator[_Page]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _pages(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and (see := getattr(pattern.callback, "see", None)):
            yield _Page(route, see)
