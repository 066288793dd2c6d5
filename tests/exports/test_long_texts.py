"""No cell of a data file is longer than a spreadsheet holds: a long text is a file beside the tables (P11-02)."""

import csv
import hashlib
import io
import json
import zipfile

import pytest

from exports.archive_check.check import check
from exports.tables.cells import csv_chunks
from exports.tables.long_texts import LongTexts
from tests.exports.test_investigator_copy import copy_of, rewritten
from tests.support import build
from tests.support.pages.exports import exported
from tests.support.pages.trail_pages import url
from trials.listing.lines import MOST_CHARACTERS

WIDE = "ñ"


def written(*rows: list[object]) -> tuple[list[list[str]], dict[str, bytes]]:
    """Return the rows as a reader with its ordinary limits gets them, and the files beside."""
    texts = LongTexts()
    data = b"".join(csv_chunks(["a", "b"], rows, [0], texts)).decode("utf-8")
    csv.field_size_limit(131_072)  # as Python starts with it
    return list(csv.reader(io.StringIO(data, newline="")))[1:], dict(texts.taken())


@pytest.mark.parametrize(("length", "beside"), [(MOST_CHARACTERS, False), (MOST_CHARACTERS + 1, True)])
def test_a_text_stands_in_its_cell_up_to_the_limit_of_a_spreadsheet(length, beside):
    text = WIDE * length
    ((first, second),), files = written([7, text])
    assert first == "7"
    if not beside:
        assert (second, files) == (text, {})
    else:
        assert second == f"texts/{hashlib.sha256(text.encode()).hexdigest()}.txt"
        assert files == {second: text.encode("utf-8")}


def test_a_long_line_of_short_cells_stays_as_it_is():
    cells = ["x" * 30_000, "y" * 30_000]
    assert written(cells) == ([cells], {})


def test_the_same_long_text_is_one_file():
    text = "z" * 40_000
    rows, files = written([text, "1"], ["2", text])
    assert rows[0][0] == rows[1][1]
    assert list(files) == [rows[0][0]]


@pytest.mark.django_db
def test_the_text_of_the_protocol_is_a_file_that_the_trail_names(trial, manager):
    archive = exported(manager, trial)
    text = archive.read("audit_trail.csv").decode("utf-8")
    named = [
        line["new"] for line in csv.DictReader(io.StringIO(text, newline="")) if line["new"][:6] == "texts/"
    ]
    assert trial.protocol.text in [archive.read(name).decode("utf-8") for name in named]
    listed = {file["name"]: file for file in json.loads(archive.read("manifest.json"))["files"]}
    assert all(listed[name]["sha256"] == name[6:-4] for name in named)


@pytest.mark.django_db
def test_a_changed_long_text_of_a_copy_is_found(trial, tmp_path):
    """CTL-01: the trail of a copy is compared with its seals through the file beside."""
    build.patient(trial=trial)
    copy = copy_of(build.user("investigator", trial=trial), trial, tmp_path)
    assert check(str(copy)).problems == []

    def changed(name: str, content: bytes) -> bytes:
        return content.replace(b"Demography", b"Demographie", 1) if name.startswith("texts/") else content

    problems = check(str(rewritten(copy, changed))).problems
    assert any("text is not what was sealed" in problem for problem in problems), problems


@pytest.mark.django_db
def test_a_copy_with_the_long_text_in_its_cell_is_checked_as_well(trial, tmp_path):
    """CTL-01: copies made before the texts had files; and the limit of other readers stays as it was."""
    build.patient(trial=trial)
    copy = copy_of(build.user("investigator", trial=trial), trial, tmp_path)
    with zipfile.ZipFile(copy) as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if name.startswith("texts/")}

    def older(name: str, content: bytes) -> bytes | None:
        if name != "tables/audit_trail.csv":
            return None if name in texts else content
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
        cells = [[texts[cell].decode("utf-8") if cell in texts else cell for cell in row] for row in rows]
        out = io.StringIO(newline="")
        csv.writer(out).writerows(cells)
        return out.getvalue().encode("utf-8")

    csv.field_size_limit(131_072)
    problems = check(str(rewritten(copy, older))).problems
    assert csv.field_size_limit() == 131_072
    named = [f"{name} is missing" for name in texts]
    assert problems == [
        *named,
        "tables/audit_trail.csv is not the file that was made: its hash or size differs",
    ]


@pytest.mark.django_db
def test_the_csv_of_the_trail_page_says_where_a_long_text_stands_whole(trial, manager):
    """The page's file stands alone: the cell has length and hash of the text, and the export has the text."""
    reader = build.user("inspector", trial=trial)
    answer = build.client(reader).get(url(trial, format="csv"))
    csv.field_size_limit(131_072)
    lines = csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"), newline=""))
    cells = [line["new"] for line in lines if "texts/" in line["new"]]
    digest = hashlib.sha256(trial.protocol.text.encode()).hexdigest()
    where = f"in the export of the study as texts/{digest}.txt"
    assert f"A text of {len(trial.protocol.text)} characters, {where}" in cells
    assert f"texts/{digest}.txt" in exported(manager, trial).namelist()


def test_the_builders_trial_has_a_text_that_is_too_long():
    """Without it the tests above would hold nothing."""
    assert len(build.protocol_text(build.LIEGE)) > MOST_CHARACTERS
