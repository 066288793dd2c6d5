#!/bin/sh
# pandas 3.1.1 (PyPI): `read_sas(format="xport")` leaves out the last row of a data set whose last text is short.
#
# A SAS transport file (XPORT, version 5) is filled with blanks to records of 80 bytes, and a text cell is filled with
# blanks to its width. The file below is written by pyreadstat: three rows of two texts, 5 and 40 bytes wide, and the note
# in the last row has one character. pyreadstat reads three rows.
#
# Expected: three rows. The length of a row is in the file, and only a whole row of blanks could be mistaken for filling.
# pandas takes all blanks at the end of the file for filling, those inside the last row too, divides what is left by the
# length of a row and rounds down. No warning is given.
#
# Consequence: a count is one too low, and the last subject or the last record of a submission is missing. Read such files
# with another library, or compare the number of rows with another file of the same data.
#
# Seen on 2026-11-30, Python 3.11, Linux x86_64:
#   pandas 3.1.1 | pyreadstat 1.3.7
#   ['S-001', 'S-002'] | ['S-001', 'S-002', 'S-003']
#
# Exits with 0 while this is so, with 1 if it has changed, with 2 if the packages cannot be installed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyreadstat==1.3.7 || exit 2

cat > "$folder/read.py" <<'PYTHON'
import sys

import pandas
import pyreadstat

rows = [("S-001", "stable"), ("S-002", "x" * 40), ("S-003", "y")]
pyreadstat.write_xport(pandas.DataFrame(rows, columns=["SUBJ", "NOTE"]), "notes.xpt", file_format_version=5)
first = pandas.read_sas("notes.xpt", format="xport", encoding="ascii")["SUBJ"].tolist()
second = pyreadstat.read_xport("notes.xpt")[0]["SUBJ"].tolist()
print("pandas", pandas.__version__, "| pyreadstat", pyreadstat.__version__)
print(first, "|", second)
sys.exit(not (first == ["S-001", "S-002"] and second == ["S-001", "S-002", "S-003"]))
PYTHON
cd "$folder"
"$folder/venv/bin/python" read.py
