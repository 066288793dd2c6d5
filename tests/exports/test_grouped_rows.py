"""Rows that begin alike are written in groups: with the bytes of the plain rows, whatever the cells hold (P11-02)."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from audit.concealment import NOTHING
from audit.stored_text import system_text
from audit.trail import Concealed
from exports.formats.data_files import DataFile
from exports.tables.archive import Archive
from exports.tables.cells import Around, FixedEnd, GroupedRows, cells_of, csv_chunks
from exports.tables.long_texts import LongTexts
from exports.tables.trail import line_ends
from exports.tables.trail.labels import TrailLabels
from exports.tables.trail.line_ends import LineEnds, flat
from exports.tables.trail.table import site_text, site_time, trail_table
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
head = st.tuples(text, st.none() | st.integers() | text)


@st.composite
def groups_of_rows(draw):
    """Draw groups whose ends come again, in the same group and in others."""
    fixed = [FixedEnd(cells) for cells in draw(st.lists(st.tuples(text, text, text), min_size=1, max_size=3))]
    beside = [Around((one,), (other,)) for one, other in draw(st.lists(st.tuples(text, text), min_size=1))]
    end = st.sampled_from(fixed) | st.tuples(st.sampled_from(beside), text)
    return draw(st.lists(st.tuples(head, st.lists(end, min_size=1, max_size=5)), max_size=6))


def written(rows: Any) -> tuple[bytes, int, dict[str, bytes]]:
    """Return the file, the number of its rows and the files beside it."""
    count, beside = [0], LongTexts()
    data = b"".join(csv_chunks(["a", "b", "c", "d", "e"], rows, count, beside))
    return data, count[0], dict(beside.taken())


@given(groups_of_rows())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_group_is_written_with_the_bytes_of_its_rows(groups):
    """P11-02: quotes, line ends and blanks, and what no cell of a spreadsheet holds; in a second file too."""
    rows = [(*head, *cells_of(each)) for head, ends in groups for each in ends]
    alone = written(rows)
    assert written(GroupedRows(iter(groups))) == alone
    assert written(GroupedRows(iter(groups))) == alone
    assert list(GroupedRows(iter(groups))) == rows


@given(st.lists(st.tuples(text, st.none() | st.integers() | text, text), max_size=250))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_rows_are_written_by_the_hundred_with_the_bytes_of_each(rows):
    """P11-02: wherever among them one is too long for a cell of a spreadsheet."""
    together, count, beside = written(iter(rows))
    each = [written([row]) for row in rows]
    header = written([])[0]
    assert together == header + b"".join(data.removeprefix(header) for data, _count, _beside in each)
    assert (count, beside) == (len(rows), {name: one[2][name] for one in each for name in one[2]})


def test_a_blank_cell_at_the_border_of_a_group_is_not_quoted():
    """The writer of CSV quotes a blank cell only where it is the whole line."""
    groups = [(("",), [FixedEnd(("",)), (Around((), ()), "")])]
    made = b"".join(csv_chunks(["a", "b"], GroupedRows(iter(groups)), [0], LongTexts()))
    assert made == b"a,b\r\n,\r\n,\r\n"


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


def plainly(model, places, before, after, columns, concealed):
    """Return the ends of the lines as they are defined: cell by cell, with nothing kept."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if line_ends.plain_text(old) != line_ends.plain_text(new):
            words = [
                places.decoded(model, columns, name, value) if value and name not in concealed.columns else ""
                for value in (old, new)
            ]
            shown = [line_ends.shown(name, value, concealed) for value in (old, new)]
            yield (name, places.label(model, columns, name), *shown, *words)


# A coded item holds texts, lists of texts or a missing code.
CODES = st.sampled_from((None, "", "M", "F", "=M", ["M", "F"], [], {"missing": "ND"}))
OTHERS = ("id", "state", "signer_name", "unknown", "values")
items = st.fixed_dictionaries({}, optional={"sex": CODES, "sbp": VALUES, "unknown": VALUES})
# A JSON object has lines for its items: one that is a column itself has none of its own.
values = VALUES.filter(lambda value: not isinstance(value, dict))
rows = st.tuples(st.sampled_from(("demography", "vitals")), *[values] * 4, items | values)
changes = st.lists(
    st.tuples(st.none() | rows, rows, st.booleans(), st.sampled_from(CONCEALED)), min_size=1, max_size=12
)


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Record, Visit, Consent])
@pytest.mark.parametrize(("of_field", "most"), [(2, 3), (2, 100), (100, 3), (100, 100)])
def test_a_kept_line_is_that_of_its_own_values(trial, model, of_field, most, monkeypatch):
    """AUD-02: another form, column that is concealed or type of value never gets a line that was kept."""
    monkeypatch.setattr(line_ends, "MOST_OF_FIELD", of_field)
    monkeypatch.setattr(line_ends, "MOST_KEPT", most)
    places, names = TrailLabels(trial), ("protocol_id", "form", *OTHERS)

    @given(changes)
    @settings(deadline=None, max_examples=60)
    def same(drawn):
        ends = LineEnds(model, places, names)
        for before, after, deleted, concealed in drawn:
            now = (trial.protocol_id, *after)
            columns = dict(zip(names, now, strict=True))
            if before is None:
                found = ends.of_new(now, concealed)
                expected = plainly(model, places, {}, flat(columns), columns, concealed)
            else:
                was = (trial.protocol_id, *before)
                found = ends.of_change(was, now, concealed, deleted=deleted)
                changed = {} if deleted else flat(columns)
                expected = plainly(
                    model, places, flat(dict(zip(names, was, strict=True))), changed, columns, concealed
                )
            assert [cells_of(each) for each in found] == list(expected)

    same()


@pytest.mark.django_db
@pytest.mark.parametrize("sees", [True, False])
def test_the_trail_of_a_trial_is_written_with_the_bytes_of_its_rows(sees):
    """P11-02, BLD-01: for who may know the treatment and read files, and for who may not."""
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    build.event(patient=build.enrolled(trial=trial, investigator=doctor), term='"Fever", =high\nat night')
    table = trail_table(trial, sees_treatment=sees, sees_files=sees)
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
        lines = list(trail_table(trial, sees_treatment=True).rows())
    assert {line[2] for line in lines} >= {"trials.trial", "trials.protocolversion"}


def test_an_archive_is_compressed_by_igzip():
    """The standard library's deflate at its usual level takes fifteen times as long: zipfile would take it unasked."""
    data = b"".join(b"%d,%d,a line of the trail\r\n" % (number, number % 97) for number in range(20_000))
    archive = Archive(written_at=datetime(2026, 9, 15, tzinfo=UTC))
    made = b"".join(archive.stream([DataFile("a", iter([data]), [20_000])], lambda files: ("b", "")))
    deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    assert deflate.compress(data) + deflate.flush() in made
    with zipfile.ZipFile(io.BytesIO(made)) as archive_read:
        assert archive_read.testzip() is None
        assert archive_read.read("a") == data


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001  naive, as the strategy takes them
    st.sampled_from(("Europe/Brussels", "Europe/Madrid", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")),
)
@example(datetime(2026, 10, 25, 0, 59, 59, 999999), "Europe/Madrid")  # noqa: DTZ001
@example(datetime(2026, 10, 25, 1), "Europe/Madrid")  # noqa: DTZ001
def test_an_instant_in_the_zone_of_the_site_follows_the_zone_to_the_microsecond(naive, zone):
    """AUD-02: the minute and the offset are kept for the rows of one minute; clocks change between two minutes."""
    at = naive.replace(tzinfo=UTC)
    text = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert site_text(text, ZoneInfo(zone)) == site_time(at, ZoneInfo(zone))
