#!/bin/sh
# scipy 1.16.2 (PyPI): fisher_exact on a table larger than 2x2 gives another p at each call.
#
# A table of 3 by 3 with 15 patients, asked five times, with no argument but the table. The p values lie around 0.03 and
# differ in the third decimal, because tables are drawn at random instead of counted. All tables with these totals can be
# counted in some milliseconds: p is 207/7007, 0.0295.
#
# Expected: the exact p, always the same, as for 2x2 and as R's fisher.test gives it, or a seed that is asked for.
#
# Consequence: a report that is made again from the same data has another p. Count the tables, or give a seed
# (`method=scipy.stats.MonteCarloMethod(rng=...)`).
#
# Seen on 2026-11-30, Python 3.11, Linux x86_64, numpy 2.4.6:
#   scipy 1.16.2    0.0333 0.0291 0.0286 0.0330 0.0317   (other numbers at each run)
#   counted         0.0295
#   2x2, five times the same
#
# Exits with 0 while this is so, with 1 if it has changed, with 2 if the packages cannot be installed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.16.2 numpy==2.4.6 || exit 2

cat > "$folder/compare.py" <<'PYTHON'
import sys
from fractions import Fraction
from itertools import product
from math import factorial, prod

from scipy.stats import fisher_exact

TABLE = [[3, 0, 2], [1, 4, 0], [0, 2, 3]]
ROWS = [sum(row) for row in TABLE]
COLUMNS = [sum(column) for column in zip(*TABLE)]


def tables():
    """Yield every table of counts with the same totals."""
    for a, b, c, d in product(range(max(ROWS) + 1), repeat=4):
        first, second = [a, b, ROWS[0] - a - b], [c, d, ROWS[1] - c - d]
        third = [total - x - y for total, x, y in zip(COLUMNS, first, second)]
        if min(first + second + third) >= 0:
            yield first + second + third


def weight(counts):
    return Fraction(1, prod(map(factorial, counts)))


observed = weight([count for row in TABLE for count in row])
weights = [weight(counts) for counts in tables()]
counted = sum(each for each in weights if each <= observed) / sum(weights)
drawn = [float(fisher_exact(TABLE).pvalue) for _ in range(5)]
two_by_two = {float(fisher_exact([[3, 1], [1, 3]]).pvalue) for _ in range(5)}
print("drawn   ", *(f"{each:.4f}" for each in drawn))
print("counted ", f"{float(counted):.4f}", counted)
print("2x2     ", *two_by_two)
sys.exit(not (len(set(drawn)) > 1 and len(two_by_two) == 1))
PYTHON
"$folder/venv/bin/python" "$folder/compare.py"
