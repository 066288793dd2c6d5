"""The sponsor's safety list: the file, the matching, and each field that both sides say differently (SAF-13)."""

import pytest

from audit.context import acting
from protocol.values.moments import Moment
from safety.models import AdverseEvent
from safety.reconciliation.finding_actions import keep_list
from safety.reconciliation.findings import FindingKind
from safety.reconciliation.list_files import ListRefused, read_list, stored, written
from safety.reconciliation.matching import matched
from safety.reconciliation.reconciling import lines_of
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import INCLUDED

ZONE = "Europe/Brussels"
K = FindingKind
MISSING = "Missing columns:"
READ_AS = "The file was read as UTF-8 with “,” between the columns; found: ."


def read(text: str, **options):
    return read_list(text.encode(**options), ZONE)


def refused(text: str, **options) -> list[tuple[int, str]]:
    with pytest.raises(ListRefused) as refusal:
        read(text, **options)
    return [(line, str(mistake)) for line, mistake in refusal.value.mistakes]


class TestFiles:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_each_dialect_is_read(self, delimiter, encoding):
        """SAF-13."""
        text = "Subject;Reported term;Onset date\nL-001;Fièvre;12-Mar-2026\n".replace(";", delimiter)
        (row,) = read(text, encoding=encoding)
        assert (row.line, row.subject, row.term, row.onset.iso) == (2, "L-001", "Fièvre", "2026-03-12")

    def test_missing_columns_and_the_dialect_are_named(self):
        """SAF-13."""
        ((line, sentence),) = refused("subject;event;date\nL-001;Fever;2026-03-12\n")
        assert line == 0
        assert sentence == (
            "Missing columns: onset. The file was read as UTF-8 with “;” between the columns; found: subject, event,"
            " date."
        )

    def test_every_wrong_line_is_named(self):
        """SAF-13."""
        text = (
            "subject,term,onset,grade,serious,outcome\nL-1,Fever,someday,1,,\nL-1,,2026,,,\nL-1,A,2026,6,,\n"
        )
        text += "L-1,A,2026,,perhaps,\nL-1,A,2026,,,better\nL-1,A,t,,,\nL-1,A,2026,5,Y,Fatal\n"
        assert [line for line, _sentence in refused(text)] == [2, 3, 4, 5, 6, 7]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("subject,term,onset\n", "The file has no line below the names of the columns."),
            (
                "subject,patient,term,onset\na,b,c,2026\n",
                "Several columns mean the same: subject. Keep one of each.",
            ),
            ("subject,term,onset\n\0", "This is not a text file: save the sheet as CSV."),
            ("", f"{MISSING} subject, term, onset. {READ_AS}"),
        ],
    )
    def test_a_file_that_cannot_be_read_says_why(self, text, sentence):
        """SAF-13."""
        assert refused(text) == [(0, sentence)]

    def test_another_encoding_is_refused_at_its_line(self):
        """SAF-13."""
        ((line, sentence),) = refused("subject,term,onset\nL-1,Fièvre,2026\n", encoding="latin-1")
        assert line == 2
        assert sentence.startswith("The file is not UTF-8")

    def test_a_column_of_the_treatment_is_not_kept(self):
        """SAF-13, BLD-01."""
        rows = read("subject,term,onset,treatment,lot\nL-1,Fever,2026-03,Cells,LOT-7\n")
        text = written(rows)
        assert "Cells" not in text
        assert "LOT-7" not in text
        assert stored(text, ZONE) == rows

    def test_what_is_stored_is_read_back(self):
        """SAF-13."""
        head = "subject,term,onset,end,serious,grade,related,outcome\n"
        rows = read(head + 'L-1,"Fever, high",2026-03,2026,yes,3,No,Not recovered\nL-1,Rash,2026,,,,,\n')
        assert stored(written(rows), ZONE) == rows


def an_event(number: int, term: str, onset: str) -> AdverseEvent:
    return AdverseEvent(pk=number, number=number, term=term, onset=onset)


@pytest.mark.parametrize(
    ("lines", "events", "pairs"),
    [
        ("Fever,2026-03-12", [("Fever", "2026-03-12")], [(2, 1)]),
        ("FEVER,2026-03", [("Fever", "2026-03-12")], [(2, 1)]),
        ("Fever,2026-03-14", [("Fever", "2026-03-12")], [(2, 1)]),
        ("Pyrexia of unknown origin,2026-03-12", [("Fever", "2026-03-12")], [(2, 1)]),
        ("Rash,2026-03-14", [("Fever", "2026-03-12")], []),
        ("Fever,2026-03-14", [("Fever", "2026-03-12"), ("Fever", "2026-03-20")], []),
        ("Fever,2026-03-20", [("Fever", "2026-03-12"), ("Fever", "2026-03-20")], [(2, 2)]),
        ("Fever,2026-03-12\nL,Fever,2026-03-12", [("Fever", "2026-03-12"), ("Fever", "2026-03-12")], [(2, 1), (3, 2)]),
        ("Multi-organ failure,2026", [("Multiple organ failure", "2026-03-12")], [(2, 1)]),
    ],
)  # fmt: skip
def test_lines_are_matched_by_term_and_onset(lines, events, pairs):
    """SAF-13."""
    rows = read(f"subject,term,onset\nL,{lines}\n")
    known = [an_event(number, *each) for number, each in enumerate(events, start=1)]
    found, left, free = matched(rows, known)
    assert [(line.line, event.number) for line, event in found] == pairs
    assert len(left) == len(rows) - len(pairs)
    assert len(free) == len(known) - len(pairs)


@pytest.mark.django_db
@pytest.mark.usefixtures("known_day")
class TestComparison:
    @pytest.fixture
    def safety(self, trial):
        return build.user("sponsor_safety", trial=trial)

    @pytest.fixture
    def event(self, trial) -> AdverseEvent:
        doctor = build.user("investigator", trial=trial)
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
        return build.event(
            patient=patient, by=doctor, onset=moment("12-Mar-2026"), ongoing="N", end=moment("15-Mar-2026"),
            outcome="recovered", grade=4, seriousness=frozenset({"life_threatening"}), causality="unlikely",
            aware=moment("28-Mar-2026 14:00"),
        )  # fmt: skip

    def compare(self, event, safety, **changed) -> list:
        trial = event.patient.trial
        agreed = {
            "subject": event.patient.code, "term": "fever", "onset": "12-Mar-2026", "end": "2026-03", "serious": "Y",
            "grade": "4", "related": "no", "outcome": "Recovered",
        }  # fmt: skip
        line = {**agreed, **changed}
        text = f"{','.join(line)}\n{','.join(line.values())}\n"
        with acting(user=safety, role="sponsor_safety"):
            keep_list(trial=trial, name="list.csv", data=text.encode(), by=safety)
        return [each.finding for each in lines_of(trial)]

    def test_a_list_that_agrees_has_no_finding(self, event, safety):
        """SAF-13."""
        assert self.compare(event, safety) == []

    @pytest.mark.parametrize(
        ("column", "value", "item", "words"),
        [
            ("term", "Pneumonia", "term", "Term is “Pneumonia” in the list and “Fever” at the site."),
            ("onset", "13-Mar-2026", "onset", "Onset is “13-Mar-2026” in the list and “12-Mar-2026” at the site."),
            ("end", "14-Mar-2026", "end", "End is “14-Mar-2026” in the list and “15-Mar-2026” at the site."),
            ("serious", "N", "seriousness", "Serious is “No” in the list and “Yes” at the site."),
            ("grade", "3", "grade", "Grade is “3” in the list and “4” at the site."),
            ("related", "Yes", "causality", "Related is “Yes” in the list and “No” at the site."),
            ("outcome", "Fatal", "outcome", "Outcome is “Fatal” in the list and “Recovered” at the site."),
        ],
    )  # fmt: skip
    def test_each_field_that_differs_is_found(self, event, safety, column, value, item, words):
        """SAF-13."""
        (finding,) = self.compare(event, safety, **{column: value})
        assert (finding.kind, finding.asked.item) == (K.LIST_DIFFERS, item)
        assert finding.text == f"AE 1 · Fever: {words}"

    def test_a_blank_field_is_not_compared(self, event, safety):
        """SAF-13."""
        assert self.compare(event, safety, grade="", outcome="", serious="", related="", end="") == []

    def test_an_event_that_only_the_sponsor_has_is_found(self, event, safety):
        """SAF-13."""
        found = self.compare(event, safety, term="Stroke", onset="25-Mar-2026")
        assert [finding.kind for finding in found] == [K.ONLY_AT_SPONSOR, K.ONLY_AT_SITE]

    def test_a_patient_whom_the_trial_does_not_have_is_found(self, event, safety):
        """SAF-13."""
        found = self.compare(event, safety, subject="L-999")
        assert [finding.kind for finding in found] == [K.UNKNOWN_SUBJECT, K.ONLY_AT_SITE]

    def test_an_event_that_is_not_serious_is_not_missed_in_the_list(self, event, safety):
        """SAF-13."""
        build.event(patient=event.patient, term="Headache", onset=moment("16-Mar-2026"))
        assert self.compare(event, safety) == []

    def test_the_newest_list_counts(self, event, safety):
        """SAF-13."""
        assert len(self.compare(event, safety, grade="3")) == 1
        assert self.compare(event, safety) == []

    def test_days_are_compared_whole(self, event, safety):
        """SAF-13, DAT-08."""
        assert Moment.from_iso("2026-03", ZONE).first_day.day == 1
        assert self.compare(event, safety, onset="mar 2026") == []
