"""Rows that begin alike are written in groups: with the bytes of the plain rows, whatever the cells hold (P11-02)."""

import zlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.concealment import NOTHING
from audit.stored_text import system_text
from audit.trail import Concealed
from exports.formats.data_files import DataFile
from exports.tables import cells, trail
from exports.tables.archive import LEVEL, Archive
from exports.tables.cells import GroupedRows, Repeated, csv_chunks
from exports.tables.long_texts import LongTexts
from exports.tables.trail.labels import TrailLabels
from patients.models import Consent, Record, Visit
from tests.support import build
from trials.listing.lines import MOST_CHARACTERS

LONG = ("w" * MOST_CHARACTERS, "w" * (MOST_CHARACTERS + 1), '"' * 20_000)
UGLY = (
    "",
    " ",
    '"',
    "a,b",
    "a\nb",
    "a\rb",
    "=1+1",
    "'",
    "ñ\u2028細",
    "\0",
    "N",
    "1",
    "x" * 30,
    '{"code":',
    *LONG,
)
text = st.sampled_from(UGLY) | st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
end = st.tuples(text, text, text)
group = st.tuples(
    st.tuples(text, st.none() | st.integers() | text),
    st.lists(end | end.map(Repeated), min_size=1, max_size=5),
)


def written(rows: Any) -> tuple[bytes, int, dict[str, bytes]]:
    """Return the file, the number of its rows and the files beside it."""
    count, beside = [0], LongTexts()
    data = b"".join(csv_chunks(["a", "b", "c", "d", "e"], rows, count, beside))
    return data, count[0], dict(beside.taken())


@given(st.lists(group, max_size=6))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_group_is_written_with_the_bytes_of_its_rows(groups):
    """P11-02: quotes, line ends and blanks, and what no cell of a spreadsheet holds."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(cells, "MOST_KNOWN", 2)
        together = written(GroupedRows(iter(groups)))
    alone = written([(*head, *each) for head, ends in groups for each in ends])
    assert together == alone
    assert list(GroupedRows(iter(groups))) == [(*head, *each) for head, ends in groups for each in ends]


def test_a_blank_cell_at_the_border_of_a_group_is_not_quoted():
    """The writer of CSV quotes a blank cell only where it is the whole line."""
    groups = [(("",), [("",), Repeated(("",))])]
    assert (
        b"".join(csv_chunks(["a", "b"], GroupedRows(iter(groups)), [0], LongTexts())) == b"a,b\r\n,\r\n,\r\n"
    )


VALUES = st.one_of(
    text,
    st.none(),
    st.sampled_from((0, 1, True, False, 1.0, -7, "1", "-7", "Y", "M", "agreed", '{"typed":"=x"}')),
    st.sampled_from(
        (
            {"missing": "ND"},
            {"file": "f", "sha256": "s", "name": "n"},
            ["a", "=b"],
            [],
            {},
            {"value": "7", "unit": "=g"},
            system_text("entry.transcription", "27 read as 72"),
        )
    ),
)
CONCEALED = (
    NOTHING,
    Concealed(columns=("signer_name", "values.sex"), words="concealed"),
    Concealed(parts=("file", "sha256")),
    Concealed(columns=("state",), parts=("file", "sha256"), words="=concealed"),
)
NAMES = ("id", "state", "signer_name", "values.sex", "values.sbp", "values.unknown", "unknown")


def plainly(model, places, before, after, columns, concealed):
    """Return the ends of the lines as they are defined: cell by cell, with nothing kept."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if trail._text(old) != trail._text(new):
            words = [
                places.decoded(model, columns, name, value) if value and name not in concealed.columns else ""
                for value in (old, new)
            ]
            shown = [trail._shown(name, value, concealed) for value in (old, new)]
            yield (name, places.label(model, columns, name), *shown, *words)


# A coded item holds texts, lists of texts or a missing code.
CODES = st.sampled_from((None, "", "M", "F", "=M", ["M", "F"], [], {"missing": "ND"}))
states = st.fixed_dictionaries(
    {}, optional={name: CODES if name == "values.sex" else VALUES for name in NAMES}
)
changes = st.lists(
    st.tuples(
        st.just({}) | states, states, st.sampled_from(("demography", "vitals")), st.sampled_from(CONCEALED)
    ),
    max_size=12,
)


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Record, Visit, Consent])
@pytest.mark.parametrize(("of_field", "most"), [(2, 3), (2, 100), (100, 3), (100, 100)])
def test_a_kept_line_is_that_of_its_own_values(trial, model, of_field, most, monkeypatch):
    """AUD-02: another form, column that is concealed or type of value never gets a line that was kept."""
    monkeypatch.setattr(trail, "MOST_OF_FIELD", of_field)
    monkeypatch.setattr(trail, "MOST_KEPT", most)
    places = TrailLabels(trial)

    @given(changes)
    @settings(deadline=None, max_examples=60)
    def same(drawn):
        ends = trail._LineEnds(model, places)
        for before, after, form, concealed in drawn:
            columns = {"protocol_id": trial.protocol_id, "form": form}
            found = ends.of(before, after, columns, concealed)
            assert [tuple(each) for each in found] == list(
                plainly(model, places, before, after, columns, concealed)
            )

    same()


@pytest.mark.django_db
@pytest.mark.parametrize("sees", [True, False])
def test_the_trail_of_a_trial_is_written_with_the_bytes_of_its_rows(sees):
    """P11-02, BLD-01: for who may know the treatment and read files, and for who may not."""
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    build.event(patient=build.enrolled(trial=trial, investigator=doctor), term='"Fever", =high\nat night')
    table = trail.trail_table(trial, sees_treatment=sees, sees_files=sees)
    assert written(table.rows()) == written(list(table.rows()))
    lines = list(table.rows())
    assert [
        line for line in lines if line[2] == "safety.adverseevent" and line[22] == '"Fever", =high\nat night'
    ]
    revealed = [line for line in lines if line[2] == "dosing.allocationslot" and line[19] == "arm"]
    assert {line[22] for line in revealed} & {"concealed until the slot is taken"} or not revealed


@pytest.mark.django_db
def test_histories_without_a_row_of_the_trial_are_not_read(trial, django_assert_max_num_queries):
    """A trial uses a part of the tables: the others cost one query together."""
    with django_assert_max_num_queries(20):
        lines = list(trail.trail_table(trial, sees_treatment=True).rows())
    assert {line[2] for line in lines} >= {"trials.trial", "trials.protocolversion"}


def test_an_archive_is_compressed_at_its_level():
    """The level of an entry is not that of its archive: it was 6, at thrice the time."""
    data = b"".join(b"%d,%d,a line of the trail\r\n" % (number, number % 97) for number in range(20_000))
    archive = Archive(written_at=datetime(2026, 9, 15, tzinfo=UTC))
    size = len(b"".join(archive.stream([DataFile("a", iter([data]), [20_000])], lambda files: ("b", ""))))
    packed = {}
    for level in (1, 3, 6):
        deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        packed[level] = len(deflate.compress(data) + deflate.flush())
    assert len(set(packed.values())) == 3
    assert packed[LEVEL] < size < packed[LEVEL] + 500
    assert all(not packed[level] < size < packed[level] + 500 for level in packed if level != LEVEL)
