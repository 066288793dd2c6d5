"""The home page of a trial as its roles see it."""

import re
from datetime import date

from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.models import Patient
from reports.home.matrix import columns_of, matrix, visits_of
from reports.home.workload import Workload
from tests.support import build
from trials.access import access_to

TODAY = date(2021, 3, 10)
HOME = f"/trials/{build.LIEGE}/"


def queries_of(browser, url=HOME) -> int:
    """Return the number of queries that a page runs."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
        return len(captured)


def get(url, trial, role="coordinator"):
    return build.client(build.user(role, trial=trial)).get(url)


def page(url, trial, role="coordinator") -> str:
    response = get(url, trial, role)
    assert response.status_code == 200
    return response.content.decode()


def work_of(trial, role="coordinator") -> Workload:
    person = build.user(role, trial=trial)
    access = access_to(user=person, slug=trial.slug)
    assert access is not None
    return Workload(access)


def rows_of(trial):
    access = work_of(trial).access
    found = list(Patient.objects.filter(trial=trial).order_by("number"))
    columns = columns_of(visits_of(trial.rules))
    rows = matrix(access=access, patients=found, columns=columns, today=build.today(found[0]))
    return {row.patient.code: dict(zip([c.code for c in columns], row.cells, strict=True)) for row in rows}


def shown(trial, show) -> set[str]:
    html = page(f"{HOME}?show={show}", trial)
    table = html[html.index('<table class="matrix">') : html.index("</table>")] if "matrix" in html else ""
    return set(re.findall(r">(LIE-\d+)</a>", table))
