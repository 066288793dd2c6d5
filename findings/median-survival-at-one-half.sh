#!/bin/sh
# lifelines 0.30.0 and statsmodels 0.14.5 (PyPI): the median survival time where the curve is exactly one half.
#
# Kaplan-Meier curves that are exactly 1/2 from one event to the next. R's survfit gives the middle of that stretch;
# others give its first or its last day. Both libraries give now the first and now the last, by the rounding of doubles:
#   events on days 8, 15, 25, one patient censored on day 17: one half from day 15 to day 25
#   deaths on days 3, 9, 19, 25, 26, one patient censored on day 28: one half from day 19 to day 25
#
# Expected: one rule for both: the first day, the last day, or the middle.
#
# Consequence: a median of 15 or of 25 days from curves of the same kind, and from the same data by two libraries. Count
# the curve in whole numbers, or compare with one half within a tolerance, as R's survfit does.
#
# Seen on 2026-11-30, Python 3.11, Linux x86_64, numpy 2.4.6, scipy 1.16.2:
#   one half from    lifelines 0.30.0  statsmodels 0.14.5
#   day 15 to 25     15 (first)        25 (last)
#   day 19 to 25     25 (last)         25 (last)
#   day 7 to 8       7 (first)         7 (first)
#
# Exits with 0 while this is so, with 1 if it has changed, with 2 if the packages cannot be installed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    lifelines==0.30.0 statsmodels==0.14.5 scipy==1.16.2 numpy==2.4.6 || exit 2

cat > "$folder/compare.py" <<'PYTHON'
import sys
import warnings
from fractions import Fraction

warnings.filterwarnings("ignore")
import numpy as np
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight

CASES = [
    ([8, 15, 17, 25], [1, 1, 0, 1], "first", "last"),
    ([3, 9, 19, 25, 26, 28], [1, 1, 1, 1, 1, 0], "last", "last"),
    ([1, 2, 2, 3, 6, 7, 8, 17, 17, 25, 27, 29], [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1], "first", "first"),
]


def stretch(times, events):
    """Return the days between which the curve is exactly one half."""
    share, at_half, below = Fraction(1), None, None
    for day in sorted(set(times)):
        at_risk = sum(time >= day for time in times)
        share *= 1 - Fraction(sum(time == day and event for time, event in zip(times, events)), at_risk)
        if share == Fraction(1, 2) and at_half is None:
            at_half = day
        if share < Fraction(1, 2) and below is None:
            below = day
    return at_half, below


print("one half from    lifelines    statsmodels")
changed = False
for times, events, by_lifelines, by_statsmodels in CASES:
    first, last = stretch(times, events)
    names = {first: "first", last: "last", (first + last) / 2: "middle"}
    found = (
        float(KaplanMeierFitter().fit(times, events).median_survival_time_),
        float(SurvfuncRight(np.array(times, float), np.array(events)).quantile(0.5)),
    )
    words = [names.get(each, "other") for each in found]
    print(f"day {first} to {last}".ljust(17) + "   ".join(f"{a:g} ({b})" for a, b in zip(found, words)))
    changed = changed or words != [by_lifelines, by_statsmodels]
sys.exit(changed)
PYTHON
"$folder/venv/bin/python" "$folder/compare.py"
