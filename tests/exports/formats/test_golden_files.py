"""The data files of a small invented study stay the same byte for byte (P11-02, P11-03)."""

import pytest

from tests.exports.golden.__main__ import FOLDER, differences, golden
from tests.exports.golden.invented import FORMAT_CODES, TEXT_SUFFIXES, data_files


@pytest.mark.parametrize("code", FORMAT_CODES)
def test_a_format_makes_the_golden_files(code):
    """P11-02: a change of a file that people keep is seen. `python -m tests.exports.golden --renew` keeps it."""
    files = data_files(code)
    assert len(files) >= 2 or code == "sqlite"
    assert list(differences(code, files)) == []
    _hashes, texts = golden(code)
    assert texts == {name: data for name, data in files.items() if name.endswith(TEXT_SUFFIXES)}


def test_every_golden_file_belongs_to_a_format():
    kept = {
        path.name.removesuffix(".sha256")
        for path in FOLDER.iterdir()
        if path.is_dir() or path.suffix == ".sha256"
    }
    assert kept - {"__pycache__"} == set(FORMAT_CODES)


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
