#!/bin/sh
# common-expression-language 0.10.0 (PyPI): `||` and `exists` disagree about a row without the value.
#
# Rows of a form: at screening CRP was not measured, on day 7 it was 120. Is there a CRP above 100?
#   rows[0].crp > 100 || rows[1].crp > 100     true
#   rows.exists(r, r.crp > 100)                KeyError: crp
# With the same two rows in the other order `exists` is true as well. `all` and `&&` differ in the same way: where one
# value decides against, `&&` says false and `all` stops at the row that has none.
#
# Expected: the language definition of CEL (cel-expr/cel-spec, doc/langdef.md, section "Macros") says that all() combines
# the results with && and exists() with ||, "ignoring any errors from other predicates", so that the order of the rows
# does not matter. cel-python 0.4.0 does that, and is run beside it.
#
# Consequence: a rule over a list that was tried on complete data fails on the first incomplete row, or not, depending on
# the order of the rows. Guard each element (`has(r.crp) && r.crp > 100`).
#
# Seen on 2026-11-29, Python 3.11, Linux x86_64:
#   common-expression-language 0.10.0 | cel-python 0.4.0
#   or                   True      True
#   exists               KeyError  True
#   exists, other order  True      True
#   and                  False     False
#   all                  KeyError  False
#   exists, guarded      True      True
#
# Exits with 0 while this is so, with 1 if it has changed, with 2 if the packages cannot be installed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    common-expression-language==0.10.0 cel-python==0.4.0 || exit 2

cat > "$folder/compare.py" <<'PYTHON'
import sys
from importlib.metadata import version

import cel
import celpy
from celpy.adapter import json_to_cel

NOT_MEASURED, HIGH = {"visit": "SCR"}, {"visit": "D7", "crp": 120}
IN_ORDER, TURNED = {"rows": [NOT_MEASURED, HIGH]}, {"rows": [HIGH, NOT_MEASURED]}
CASES = [
    ("or", "rows[0].crp > 100 || rows[1].crp > 100", IN_ORDER, "True", "True"),
    ("exists", "rows.exists(r, r.crp > 100)", IN_ORDER, "KeyError", "True"),
    ("exists, other order", "rows.exists(r, r.crp > 100)", TURNED, "True", "True"),
    ("and", "rows[0].crp < 100 && rows[1].crp < 100", IN_ORDER, "False", "False"),
    ("all", "rows.all(r, r.crp < 100)", IN_ORDER, "KeyError", "False"),
    ("exists, guarded", "rows.exists(r, has(r.crp) && r.crp > 100)", IN_ORDER, "True", "True"),
]


def outcome(evaluate):
    try:
        return str(bool(evaluate()))
    except Exception as error:
        return type(error).__name__


changed = False
print(*(f"{name} {version(name)}" for name in ("common-expression-language", "cel-python")), sep=" | ")
for name, rule, data, first, second in CASES:
    environment = celpy.Environment()
    seen = (
        outcome(lambda: cel.evaluate(rule, data)),
        outcome(lambda: environment.program(environment.compile(rule)).evaluate(json_to_cel(data))),
    )
    changed |= seen != (first, second)
    print(f"{name:<20} {seen[0]:<9} {seen[1]}" + ("" if seen == (first, second) else "   otherwise than before"))
sys.exit(changed)
PYTHON
cd "$folder"
"$folder/venv/bin/python" compare.py
