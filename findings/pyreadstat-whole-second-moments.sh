#!/bin/sh
# pyreadstat 1.3.7 (PyPI): a moment of a pandas column of whole seconds is written as 1 January 1970.
#
# The column below has the type datetime64[s], which pandas makes of NumPy days and seconds (`datetime64[D]`, `[s]`) and
# of `astype("datetime64[s]")`. Each writer (SAV, DTA, XPORT) stores 1970-01-01 00:00:00 for it, without a word. The
# same moment as datetime64[ms], [us] or [ns] is stored as it is.
#
# Expected: the moment, 2026-08-02 07:41:00, or an error that the type is not known.
#
# Consequence: every moment of such a column is lost in the file. Convert before writing
# (`frame["at"].astype("datetime64[ns]")`), and read the file back.
#
# Seen on 2026-11-30, Python 3.11, Linux x86_64:
#   pandas 3.1.1 | pyreadstat 1.3.7
#   s  sav 1970-01-01 00:00:00  dta 1970-01-01 00:00:00  xpt 1970-01-01 00:00:00
#   ms sav 2026-08-02 07:41:00  dta 2026-08-02 07:41:00  xpt 2026-08-02 07:41:00
#   us sav 2026-08-02 07:41:00  dta 2026-08-02 07:41:00  xpt 2026-08-02 07:41:00
#   ns sav 2026-08-02 07:41:00  dta 2026-08-02 07:41:00  xpt 2026-08-02 07:41:00
#
# Exits with 0 while this is so, with 1 if it has changed, with 2 if the packages cannot be installed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyreadstat==1.3.7 || exit 2

cat > "$folder/write.py" <<'PYTHON'
import sys

import pandas
import pyreadstat

AT = pandas.Timestamp("2026-08-02 07:41:00")
FILES = {
    "sav": (pyreadstat.write_sav, pyreadstat.read_sav),
    "dta": (pyreadstat.write_dta, pyreadstat.read_dta),
    "xpt": (pyreadstat.write_xport, pyreadstat.read_xport),
}
changed = False
print("pandas", pandas.__version__, "| pyreadstat", pyreadstat.__version__)
for unit in ("s", "ms", "us", "ns"):
    frame, seen = pandas.DataFrame({"AT": pandas.Series([AT]).astype(f"datetime64[{unit}]")}), {}
    for name, (write, read) in FILES.items():
        write(frame, f"moment.{name}")
        seen[name] = read(f"moment.{name}")[0]["AT"][0]
    wanted = pandas.Timestamp(0) if unit == "s" else AT
    changed |= any(each != wanted for each in seen.values())
    print(f"{unit:2}", *(f"{name} {each} " for name, each in seen.items()))
sys.exit(changed)
PYTHON
cd "$folder"
"$folder/venv/bin/python" write.py
