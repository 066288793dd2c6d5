#!/bin/sh
# pandas 3.1.1 (PyPI): `read_sas(format="xport")` reads a stored zero as 5.397605346934028e-79.
#
# A SAS transport file (XPORT, version 5) holds numbers as IBM doubles; zero is eight zero bytes. The file below is
# written by pyreadstat and holds 0, 1 and a missing value. pyreadstat and R's package `foreign` read 0, 1 and missing.
#
# Expected: 0.0. “Record layout of a SAS version 5 or 6 data set in SAS transport (XPORT) format” by SAS Institute gives
# the conversion, in which a fraction of zero is zero. pandas makes 16^-65 of it: the exponent field is converted as if
# the fraction were not zero.
#
# Consequence: `frame[frame.x == 0]` finds no row, `frame.x > 0` finds those too, and a count of zeros is 0. A sum or a
# mean does not show it. Round after reading (`frame.x.where(frame.x.abs() > 1e-70, 0)`), or read with another library.
#
# Seen on 2026-11-30, Python 3.11, Linux x86_64:
#   pandas 3.1.1 | pyreadstat 1.3.7
#   [5.397605346934028e-79, 1.0, nan] | [0.0, 1.0, nan]
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

pyreadstat.write_xport(pandas.DataFrame({"X": [0.0, 1.0, None]}), "zero.xpt", file_format_version=5)
first = pandas.read_sas("zero.xpt", format="xport")["X"].tolist()
second = pyreadstat.read_xport("zero.xpt")[0]["X"].tolist()
print("pandas", pandas.__version__, "| pyreadstat", pyreadstat.__version__)
print(first, "|", second)
sys.exit(not (first[0] == 16.0**-65 and second[0] == 0.0 and first[1:2] == second[1:2] == [1.0]))
PYTHON
cd "$folder"
"$folder/venv/bin/python" read.py
