"""The data files of a small invented study stay the same byte for byte (P11-02, P11-03)."""

import pytest

from tests.exports.golden.__main__ import FOLDER, differences, golden
from tests.exports.golden.invented import FORMAT_CODES, data_files, texts_of
from tests.exports.golden.studies import STUDY_FILES


@pytest.mark.parametrize("code", FORMAT_CODES)
def test_a_format_makes_the_golden_files(code):
    """P11-02: a change of a file that people keep is seen. `python -m tests.exports.golden --renew` keeps it."""
    files = data_files(code)
    assert len(files) >= 2 or code == "sqlite"
    assert list(differences(code, files)) == []
    _hashes, texts = golden(code)
    assert texts == texts_of(files)


@pytest.mark.django_db
@pytest.mark.parametrize("code", STUDY_FILES)
def test_a_captured_study_makes_the_golden_files(code):
    """P11-02: SDTM and ODM of small studies, on every engine and day: keys and times of the trail are put in order."""
    files = STUDY_FILES[code]()
    assert list(differences(code, files)) == []
    _hashes, texts = golden(code)
    assert texts == texts_of(files)


def test_every_golden_file_belongs_to_a_format():
    kept = {
        path.name.removesuffix(".sha256")
        for path in FOLDER.iterdir()
        if path.is_dir() or path.suffix == ".sha256"
    }
    assert kept - {"__pycache__"} == {*FORMAT_CODES, *STUDY_FILES}


def test_a_difference_names_the_file_and_the_lines():
    files = data_files("csv")
    changed = files["patients.csv"].replace(b"61.50", b"61.5")
    told = list(differences("csv", {**files, "patients.csv": changed, "new.csv": b"a\r\n"}))
    assert told[0] == "csv: new.csv is new"
    assert told[1] == "csv: patients.csv changed"
    assert [line for line in told if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-LG-001,F,,2026-03-02,61.50,", "+LG-001,F,,2026-03-02,61.5,",
    ]  # fmt: skip
    del files["patients.csv"]
    assert list(differences("csv", files)) == ["csv: patients.csv is gone"]
