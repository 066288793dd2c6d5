"""What changed from one report of a serious event to the next (SAF-12)."""

from hypothesis import given
from hypothesis import strategies as st

from safety.sae_reports.differences import changed_facts, narrative_parts
from safety.sae_reports.stored import label_of, number_of


def test_an_answer_that_changed_is_shown_before_and_after():
    before = [["term", "Event", "Fever"], ["grade", "Grade", "2"], ["end", "End", "3 March"]]
    after = [["term", "Event", "Fever"], ["grade", "Grade", "4"], ["aesi", "Special interest", "Yes"]]
    found = [(fact.label, fact.before, fact.after) for fact in changed_facts(before, after)]
    assert found == [("Grade", "2", "4"), ("Special interest", "", "Yes"), ("End", "3 March", "")]


def test_reports_that_are_the_same_have_no_differences():
    facts = [["term", "Event", "Fever"]]
    assert changed_facts(facts, facts) == ()
    assert [part.kind for part in narrative_parts("One. Two.", "One. Two.")] == ["same"]


def test_a_sentence_that_came_in_is_shown_at_its_place():
    parts = narrative_parts("Fever began. It ended.", "Fever began. Antibiotics were given. It ended.")
    assert [(part.kind, part.text) for part in parts] == [
        ("same", "Fever began. "),
        ("added", "Antibiotics were given. "),
        ("same", "It ended."),
    ]


def test_a_sentence_that_was_replaced_is_shown_in_both_forms():
    parts = narrative_parts("It is going on.", "It ended.")
    assert [(part.kind, part.text) for part in parts] == [
        ("removed", "It is going on."),
        ("added", "It ended."),
    ]


TEXTS = st.text(alphabet="ab .!\n", max_size=40)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_put_together_again(before, after):
    parts = narrative_parts(before, after)
    kept = "".join(part.text for part in parts if part.kind != "added")
    assert "".join(kept.split()) == "".join(before.split())
    assert "".join(part.text for part in parts if part.kind != "removed") == after


@given(st.integers(0, 200))
def test_a_report_is_found_by_its_name(number):
    assert number_of(label_of(number)) == number
    assert number_of(f" {label_of(number).upper()} ") == number


def test_another_name_is_no_report():
    assert [number_of(name) for name in ("", "FU", "FU0", "FU-1", "first", "FU1x", "1")] == [None] * 7
