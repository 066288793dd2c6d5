"""Whether a case was completed, sent and answered tells the arm: the same bytes and statements for all others (A.8)."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from operation.blinding.readings import differences, shown, undone
from safety.authority.answering import record_answer
from safety.sponsor.decisions import decide_case
from tests.safety.authority.conftest import again, ago, reported, with_sponsor
from tests.safety.authority.test_authority_report import answer_to, completed, sent
from tests.support import build
from tests.support.pages.blinding import without_times
from tests.support.pages.event_forms import listing, page
from tests.support.study.bedside import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(db):
    return build.trial(build.COVID_MSV)


def read(event, officer, reader, *, is_reportable: bool):
    """Return what a person is shown after the case took one of its ways, and the statements; then undo all."""
    trial = event.patient.trial
    addresses = [
        page(event), page(event, "sae-reports"), page(event, "sae-sheet"), listing(trial),
        reverse("reports:home", args=[trial.slug]),
        reverse("reports:casebook", args=[trial.slug, event.patient.code]),
        reverse("reports:notices", args=[trial.slug]),
        reverse("audit:trail", args=[trial.slug]),
        reverse("register:listing", args=[trial.slug]),
    ]  # fmt: skip
    with undone():
        # Drug safety looks at the case either way: that it signed in is no secret.
        desk = build.client(officer)
        desk.get(page(event, "case"))
        if is_reportable:
            done = completed(event, officer)
            report = sent(done, officer)
            desk.get(page(event, "authority-e2b") + "?report=0")
            with acting(user=officer, role="sponsor_safety"):
                record_answer(event=event, file=answer_to(report), by=officer)
        else:
            with acting(user=officer, role="sponsor_safety"):
                decide_case(
                    clock=event.case_clocks.get(),
                    result="not_reportable",
                    at=ago(hours=1),
                    reason="x",
                    by=officer,
                )
        # The index of the trail takes up the new rows of all when the next person opens it.
        desk.get(reverse("audit:trail", args=[trial.slug]))
        web = build.client(reader)
        with CaptureQueriesContext(connection) as statements:
            pages = {url: without_times(shown(web.get(url))) for url in addresses}
    return pages, [re.sub(r"'[^']*'|[0-9]+", "?", each["sql"]) for each in statements]


@pytest.mark.at(NOW)
@pytest.mark.parametrize(
    "role", ["coordinator", "investigator", "monitor", "inspector", "sponsor_representative"]
)
def test_what_becomes_of_a_case_changes_neither_a_byte_nor_a_statement(
    role, patient, doctor, officer, dictionary
):
    """A.8, BLD-02."""
    event = again(with_sponsor(reported(patient, doctor), officer))
    reader = build.user(role, trial=event.patient.trial)
    _first, verum, placebo = (
        read(event, officer, reader, is_reportable=each) for each in (True, True, False)
    )
    assert b"With sponsor safety" in verum[0][page(event)]
    assert differences(verum[0], placebo[0]) == {}
    assert verum[1] == placebo[1]
