"""What is newest is told by the order of writing, never by a clock that somebody may set back (REL-10)."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from audit.context import acting
from audit.models import Signature
from audit.signatures import sign
from patients.models import EligibilityDecision, Query, Record
from patients.participation.eligibility_decisions.eligibility import decision_in_force, decisions
from patients.queries.threads import answer_query, raise_query
from patients.review.signatures import changes_since_signature
from safety.listing.reviews import attach_reviews
from tests.support import build

ROOT = Path(__file__).parents[1]
ROOMS = ("audit", "accounts", "trials", "patients", "dosing", "safety", "outcomes", "reports", "exports")
# Times that a person enters, and figures over a period, which decide nothing: by file, with the reason.
NOT_STAMPED = {
    (
        "*",
        "given_at",
    ): "the moment of a consent is entered by a person; a late entry must not replace a newer consent",
    **dict.fromkeys(
        (
            ("dosing/bedside/gaps.py", "at"),
            ("dosing/bedside/record_gaps.py", "at"),
            ("exports/sdtm/subject.py", "at"),
            ("dosing/bedside/recorded.py", "at"),
            ("exports/paper/samples.py", "at"),
            ("dosing/infusions/signature_scope.py", "at"),
            ("dosing/products/hand_over.py", "at"),
            ("exports/tables/bedside.py", "at"),
            ("dosing/bedside/ledger.py", "at"),
            ("dosing/bedside/steps.py", "at"),
            ("dosing/models/bedside.py", "at"),
            ("patients/models/samples.py", "at"),
            ("patients/views/sample_pages/shipments.py", "at"),
        ),
        "the moment at which it was done or seen, which a person enters or a tablet sends",
    ),
    **dict.fromkeys(
        (
            ("reports/notices/kinds.py", "due_at"),
            ("reports/packs/conduct.py", "due_at"),
            ("safety/sponsor/case_views.py", "due_at"),
        ),
        "a deadline, which is computed from what a person entered",
    ),
    ("audit/trail_index/building.py", "at"): "minutes in which one person changed much: a figure",
    ("exports/models.py", "asked_at"): "a list of files; the key of a document is drawn by chance",
    ("patients/views/protocol.py", "withdrawn_at"): "a list beside the versions in force",
    ("reports/home/work_counts.py", "completed_at"): "the median of the latest forms: a figure",
    ("trials/people/views.py", "starts_on"): "a day that a person enters",
}


def ordered_by_time() -> Iterator[tuple[str, int, str]]:
    """Yield file, line and column of each ordering by the time at which something was stored."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for name in _names(node):
                    bare = name.lstrip("-").rpartition("__")[2]
                    if bare == "at" or bare.endswith("_at") or bare == "history_date":
                        yield str(path.relative_to(ROOT)), node.lineno, bare


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"order_by", "latest", "earliest", "_rows"}:
            yield from (each.value for each in node.args if isinstance(each, ast.Constant))
    elif isinstance(node, ast.Assign) and "ordering" in map(ast.unparse, node.targets):
        yield from (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))


def test_no_query_orders_by_the_clock():
    found = {(path, name) for path, _line, name in ordered_by_time()}
    assert {each for each in found if each not in NOT_STAMPED and ("*", each[1]) not in NOT_STAMPED} == set()


@pytest.fixture
def set_back():
    """Set the clock back by two hours when asked to."""
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield lambda: clock.move_to(timezone.now() - timedelta(hours=2))


@pytest.mark.django_db
class TestTwoHoursAreLost:
    def test_the_decision_in_force_is_the_one_signed_last(self, trial, set_back):
        patient = build.assessable(trial=trial)
        first = build.decision(patient, "not_eligible")
        set_back()
        second = build.decision(patient, "not_eligible")

        assert second.decided_at < first.decided_at
        assert decision_in_force(patient) == second
        assert decisions(patient) == [second, first]
        assert list(EligibilityDecision.objects.filter(patient=patient)) == [first, second]

    def test_the_signature_given_last_decides_what_changed_since(self, record, doctor, set_back):
        def signed() -> Signature:
            with acting(user=doctor, role="investigator"):
                return sign(
                    target=Record.objects.get(pk=record.pk),
                    meaning="review",
                    password=build.PASSWORD,
                    by=doctor,
                )

        def change(**values: str) -> None:
            with acting(system="test", reason="read again"):
                Record.objects.filter(pk=record.pk).update(values={**record.values, **values})

        signed()
        set_back()
        change(weight="71")
        signed()
        assert changes_since_signature([Record.objects.get(pk=record.pk)])[record.pk] == []
        set_back()
        change(weight="72")
        assert len(changes_since_signature([Record.objects.get(pk=record.pk)])[record.pk]) == 1

    def test_the_review_of_an_event_is_the_one_given_last(self, patient, doctor, set_back):
        event = build.event(patient=patient, by=doctor)
        with acting(user=doctor, role="investigator"):
            first = sign(target=event, meaning="review", password=build.PASSWORD, by=doctor)
            set_back()
        other = build.user("investigator", trial=patient.trial)
        with acting(user=other, role="investigator"):
            second = sign(target=event, meaning="review", password=build.PASSWORD, by=other)
        attach_reviews([event])
        assert event.signatures == [second, first]

    def test_the_thread_of_a_query_stays_in_the_order_of_writing(self, record, manager, nurse, set_back):
        with acting(user=manager, role="data_manager"):
            query = raise_query(
                record=record, item="sex", text="Sure?", origin=Query.Origin.DATA_MANAGER, by=manager,
                role="data_manager",
            )  # fmt: skip
        set_back()
        with acting(user=nurse, role="coordinator"):
            answer_query(query=query, text="Yes", by=nurse, role="coordinator")
        assert [message.text for message in query.messages.all()][-1] == "Yes"
