"""Every question on the page about inspections is held by a test of this folder, within three clicks."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = (HERE.parents[1] / "docs/inspection.md").read_text(encoding="utf-8")
QUESTIONS = 35


def answers_by_name() -> dict[str, str]:
    """Return the source of each test of this folder, and of those in it, by its name."""
    return {
        node.name: ast.unparse(node)
        for path in sorted(HERE.rglob("test_*_questions.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_the_page_names_a_test_for_each_question():
    """P11-05."""
    named = re.findall(r"\| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert len(named) == len(set(named)) == QUESTIONS
    assert set(named) <= answers_by_name().keys()


def test_each_question_is_answered_within_three_clicks():
    """P11-05: counted by the reader who clicks; the tests of a print read one page."""
    named = re.findall(r"\| `(\w+)` \|$", PAGE, re.MULTILINE)
    uncounted = {name for name in named if "clicks <= " not in answers_by_name()[name]}
    assert uncounted <= {"test_a_print_of_the_page_says_who_loaded_it_in_which_role_and_when"}
