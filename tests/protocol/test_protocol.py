"""The parsed protocol file, and that the guide documents all of it (DAT-09)."""

import re
from decimal import Decimal

import pytest
from pydantic import ValidationError

from protocol.checking.loading import load
from protocol.checking.mistakes import problems
from protocol.checking.shape import keys_of, parts_of_schema
from protocol.document.document import Protocol
from protocol.document.items import ItemType, Part, Text
from protocol.expressions.functions import FUNCTIONS, HISTORY
from protocol.expressions.names import subject_names
from protocol.expressions.syntax import MACROS, METHODS
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, protocol

GUIDE = (ROOT / "docs/protocol-file.md").read_text(encoding="utf-8")

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")


def test_the_small_protocol_of_these_tests_has_no_mistakes() -> None:
    assert problems(SMALL) == []


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV, THIRD])
def test_a_protocol_is_found_by_its_codes(slug: str) -> None:
    rules = protocol(slug)
    for code, form in rules.forms.items():
        assert rules.form(code) is form
        assert form.code == code
        assert [item for group in form.groups for item in group.items] == list(form.items)
        for item in form.items:
            assert rules.item(f"{code}.{item.name}") is item
    for visit in rules.visits:
        assert rules.visit(visit.code) is visit
    for number in range(1, (rules.dosing.infusions if rules.dosing else 0) + 1):
        assert rules.infusion_visit(number).infusion == number


def test_what_is_not_there_is_a_key_error() -> None:
    rules = load(SMALL)
    for look_up in (
        rules.form,
        rules.visit,
        rules.item,
        rules.arm,
        rules.criterion,
        rules.outcome,
        rules.group,
    ):
        with pytest.raises(KeyError):
            look_up("nowhere.nothing")


def test_a_protocol_does_not_change_after_it_was_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(SMALL).trial.target = 99


def test_the_same_text_is_read_once() -> None:
    assert load(SMALL) is load(SMALL)


def test_facts_read_as_they_are_written() -> None:
    rules = load(SMALL)
    assert rules.trial.slug == "x-1"
    assert rules.trial.code_of(7) == "X-07"
    assert rules.consent.current_version == "1.1"
    assert rules.visit("INF2").forms[0].when == "available"
    assert [each.code for each in rules.safety.causality] == ["related", "unrelated"]
    assert rules.item("body.sex").choice("F").label.in_language("fr") == "F"
    assert rules.form("body").checks_on("bmi")[0].id == "B1"
    assert rules.form("body").checks_on("sex") == ()


def test_pounds_become_kilograms_exactly() -> None:
    weight = load(SMALL).item("body.weight")
    assert weight.alternative("lb").factor == Decimal("0.45359237")
    with pytest.raises(KeyError):
        weight.alternative("stone")


def test_text_falls_back_to_english() -> None:
    text = Text({"en": "Sex", "fr": "Sexe"})
    assert [text.in_language(language) for language in ("fr", "fr-be", "en", "es")] == [
        "Sexe",
        "Sexe",
        "Sex",
        "Sex",
    ]


def documented(words: set[str]) -> set[str]:
    """Return those of `words` that occur as code in the guide, examples excepted."""
    prose = re.sub(r"```.*?```", "", GUIDE, flags=re.S)
    return words & set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", " ".join(re.findall(r"`[^`]+`", prose))))


@pytest.mark.parametrize("part", sorted(set(parts_of_schema(Part)), key=lambda part: part.__name__))
def test_every_key_of_the_schema_is_in_the_guide(part: type[Part]) -> None:
    keys = set(keys_of(part))
    assert documented(keys) == keys


def test_every_type_function_and_name_is_in_the_guide() -> None:
    types = set(ItemType.__args__)
    subject = {name.removeprefix("subject.") for name in subject_names(load(SMALL))}
    for words in (types, set(FUNCTIONS), set(HISTORY), set(MACROS), set(METHODS), subject):
        assert documented(words) == words


def test_the_mistakes_shown_in_the_guide_are_the_reported_ones() -> None:
    assert "forms.vitals.sbp.unit: unknown unit 'mmHgg'" in GUIDE
    assert isinstance(load(SMALL), Protocol)
