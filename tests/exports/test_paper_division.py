"""The casebook of a patient with many forms is divided into pieces: nothing is lost, doubled or out of order."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exports.paper.division import SECTIONS, pieces

TEXTS = st.text("aß", max_size=40)
ROWS = st.lists(st.builds(lambda text: {"text": text}, TEXTS), max_size=6)
VISITS = st.lists(
    st.builds(
        lambda title, facts, forms, infusions: {
            "title": title, "facts": facts, "past": [], "forms": forms, "infusions": infusions,
        },
        TEXTS, st.lists(st.tuples(TEXTS).map(list), max_size=2), ROWS, ROWS,
    ),
    max_size=6,
)  # fmt: skip
PARTS = st.builds(
    lambda sections: {"code": "LIE-001", "version": "1.0", "facts": [["Status", "Included"]], **sections},
    st.fixed_dictionaries({name: VISITS if name == "visits" else ROWS for name in SECTIONS}),
)


def size(row) -> int:
    return len(json.dumps(row, ensure_ascii=False).encode())


def together(found: list[dict], section: str) -> list[dict]:
    """Return the rows of a section in all pieces, the visits that go on in the next piece as one."""
    rows: list[dict] = []
    for piece in found:
        for row in piece.get(section, []):
            if row.get("continued"):
                assert (row["facts"], row["past"], row["title"]) == ([], [], rows[-1]["title"])
                kinds = {kind: rows[-1][kind] + row[kind] for kind in ("forms", "infusions")}
                rows[-1] = {**rows[-1], **kinds}
            else:
                rows.append(row)
    return rows


@given(PARTS, st.integers(50, 1500))
def test_the_pieces_hold_everything_once_and_in_order(part, most):
    """P11-02: the casebook is complete, however it is divided."""
    found = pieces(part, most)
    assert {name: together(found, name) for name in SECTIONS} == {name: part[name] for name in SECTIONS}
    assert (found[0]["facts"], found[0]["entries"]) == (part["facts"], len(part["trail"]))
    assert not any("facts" in piece for piece in found[1:])
    order = [name for piece in found for name in SECTIONS if name in piece]
    assert order == sorted(order, key=SECTIONS.index)


@given(PARTS, st.integers(50, 1500))
def test_a_piece_says_what_it_goes_on_with(part, most):
    """A heading stands once: in the piece in which its section or visit begins."""
    found = pieces(part, most)
    assert "continued" not in found[0]
    for before, piece in pairwise(found):
        first = next(name for name in SECTIONS if piece.get(name))
        begun = piece[first][0].get("continued", False) if first == "visits" else bool(before.get(first))
        assert piece["continued"] == (first if begun else "")


@given(PARTS, st.integers(300, 1500))
def test_only_a_single_row_makes_a_piece_larger(part, most):
    for piece in pieces(part, most):
        rows = [row for name in SECTIONS if name != "visits" for row in piece.get(name, [])]
        rows += [row for visit in piece.get("visits", []) for row in (*visit["forms"], *visit["infusions"])]
        if len(rows) > 1:
            assert sum(map(size, rows)) <= most


def test_what_fits_stays_in_one_piece():
    part = {"code": "LIE-001", "version": "1.0", **{name: [] for name in SECTIONS}}
    assert pieces(part, 10_000) == [{**part, "entries": 0}]
