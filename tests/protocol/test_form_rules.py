"""The rules of a form: what they read, what an undecided rule waits for, and what its items are called."""

from decimal import Decimal
from typing import Any

import pytest

from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.expressions import rules as compiled_rules
from protocol.expressions.compiled import Undetermined
from protocol.expressions.rules import FormRules, ProtocolRules, rules_of, stored
from protocol.expressions.scope import Scope, is_answered
from tests.support.protocols.shipped import BOTH, ROOT, protocol

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
BREATHING = """
[forms.breathing]
title = { en = "Breathing", fr = "Respiration" }
checks = [
  { id = "BR1", on = "rate", severity = "soft", violated = "rate > 30.0", message = { en = "Fast" } },
  { id = "BR2", on = "rate", severity = "soft", violated = "depth < last(support)", message = { en = "Low" } },
  { id = "BR3", on = "depth", severity = "soft", violated = "depth > 9.0", message = { en = "Deep" } },
]
items = [
  { name = "support", type = "decimal", label = { en = "Support", fr = "Aide" } },
  { name = "rate", type = "integer", label = { en = "Rate" } },
  { name = "depth", type = "decimal", label = { en = "Depth" } },
  { name = "volume", type = "decimal", label = { en = "Volume" }, calculate = "rate * depth" },
  { name = "per_kg", type = "decimal", label = { en = "Per kg" }, calculate = "breathing.volume / body.weight" },
  { name = "age", type = "integer", label = { en = "Age" }, calculate = "years(born, subject.inclusion_on)" },
  { name = "born", type = "partial_date", label = { en = "Born" } },
  { name = "asked", type = "yes_no", label = { en = "Asked" }, required = false },
  { name = "why", type = "text", label = { en = "Why" }, shown_when = "asked == 'Y'" },
]
"""
RULE = '{{ id = "R1", on = "it", severity = "soft", message = {{ en = "!" }}, violated = "{}" }}'
READER = """
[forms.reader]
title = {{ en = "Reader" }}
checks = [{checks}]
items = [{{ name = "it", type = "decimal", label = {{ en = "It" }} }}, {items}]
"""


def breathing() -> FormRules:
    return rules_of(load(SMALL + BREATHING)).form("breathing")


def reader(violated: str = "", items: str = "") -> FormRules:
    """Return the rules of a form with one check, and with other items than its first."""
    checks = RULE.format(violated) if violated else ""
    return rules_of(load(SMALL + READER.format(checks=checks, items=items))).form("reader")


def scope(**values: Any) -> Scope:
    return Scope(values, form="breathing")


def calculated(source: str, **keys: str) -> str:
    """Return an item of the file that is calculated."""
    more = "".join(f', {name} = "{text}"' for name, text in keys.items())
    return f'{{ name = "made", type = "decimal", label = {{ en = "Made" }}, calculate = "{source}"{more} }}'


class TestUndecided:
    def test_a_calculation_names_what_was_not_entered(self) -> None:
        form = breathing()
        assert form.missing_inputs("volume", scope(rate="20")) == ("depth",)
        assert form.missing_inputs("volume", scope(rate="20", depth={"missing": "ND"})) == ("depth",)
        assert form.missing_inputs("volume", scope(rate="20", depth="0.5")) == ()
        assert form.missing_inputs("rate", scope()) == ()

    def test_an_answer_that_is_not_precise_enough_is_not_called_missing(self) -> None:
        """A year of birth gives one of two ages: nobody forgot to answer."""
        known = Scope({"born": "1960"}, subject={"inclusion_on": "2021-03-15"}, form="breathing")
        assert breathing().calculated(known) == {}
        assert breathing().missing_inputs("age", known) == ()

    def test_a_question_that_may_be_asked_names_the_answer_it_waits_for(self) -> None:
        form = breathing()
        assert form.waits_for("why", scope()) == ("asked",)
        assert form.waits_for("why", scope(asked="N")) == ()
        assert form.waits_for("rate", scope()) == ()

    def test_a_question_without_a_condition_is_always_asked(self) -> None:
        form = breathing()
        assert form.is_shown("rate", scope())
        assert not form.is_ruled_out("rate", scope())
        assert form.shown(scope()) == {item.name for item in form.items} - {"why"}
        assert form.required(scope()) == {"support", "rate", "depth", "born"}

    @pytest.mark.parametrize(
        "value", ["0", "N", ["A"], [{"mg": "1"}], {"value": "1", "entered": "1", "unit": "g"}]
    )
    def test_a_zero_and_a_no_are_answers(self, value: Any) -> None:
        assert is_answered(value)


class TestReading:
    def test_a_calculated_value_goes_back_to_what_was_entered(self) -> None:
        form = breathing()
        assert form.entered_inputs("volume") == {"rate", "depth"}
        assert form.entered_inputs("per_kg") == {"rate", "depth", "body.weight"}

    def test_the_check_of_a_finding_shows_the_items_it_reads_in_the_order_of_the_form(self) -> None:
        form = breathing()
        assert [form.inputs(check) for check in form.form.checks] == [
            ["rate"], ["support", "rate", "depth"], ["depth"],
        ]  # fmt: skip

    def test_each_check_fires_by_its_own_condition(self) -> None:
        fired = breathing().fired(Scope({"rate": "31", "depth": "4", "support": "5"}, form="breathing"))
        assert [check.id for check in fired] == ["BR1", "BR2"]

    def test_the_latest_known_value_is_the_one_on_the_page_once_there_is_one(self) -> None:
        form, earlier = breathing(), {"breathing": {"support": "9"}}
        now = Scope({"rate": "20", "depth": "6", "support": "5"}, form="breathing", last=earlier)
        before = Scope({"rate": "20", "depth": "6", "support": ""}, form="breathing", last=earlier)
        assert form.fired(now) == []
        assert [check.id for check in form.fired(before)] == ["BR2"]

    def test_other_answers_in_one_form_leave_all_else_known(self) -> None:
        seen = Scope(
            {"a": "1"}, {"g": {"b": "2"}}, {"group": "A"}, form="f",
            previous={"f": {"a": "3"}}, last={"g": {"c": "4"}}, same={"g": {"b": "5"}},
        ).with_values({"a": "9"})  # fmt: skip
        names = (
            "a",
            "f.a",
            "g.b",
            "subject.group",
            "previous(a)",
            "last(g.c)",
            "here(g.b)",
            "here(a)",
            "here(f.a)",
        )
        assert [seen.get(name) for name in names] == ["9", "9", "2", "A", "3", "4", "5", "9", "9"]

    def test_the_record_before_is_that_of_the_form_that_is_named(self) -> None:
        seen = Scope(form="f", previous={"f": {"a": "1"}, "g": {"a": "2"}}, last={"f": {"a": "3"}})
        assert [
            seen.get(name) for name in ("previous(f.a)", "previous(g.a)", "last(f.a)", "last(a)")
        ] == list("1233")

    @pytest.mark.parametrize(
        ("violated", "forms", "elsewhere", "history"),
        [
            ("it > 1.0", set(), set(), set()),
            ("it > body.weight", {"body"}, {"body.weight"}, set()),
            ("it > previous(it)", {"reader"}, set(), {"it"}),
            ("it > last(body.weight)", {"body", "reader"}, set(), {"body.weight"}),
            ("it > previous(it) && it > last(body.weight)", {"body", "reader"}, set(), {"it", "body.weight"}),
            ("it > here(body.weight)", {"body"}, {"body.weight"}, set()),
            ("logs.notes.exists(row, row.remark == 'x')", {"notes"}, {"logs.notes"}, set()),
            (
                "subject.consent_type == 'patient' && visit.code == 'S'",
                set(),
                {"subject.consent_type", "visit.code"},
                set(),
            ),
            ("definition.heavy", {"body"}, {"body.weight"}, set()),
        ],
    )
    def test_a_form_names_the_forms_its_rules_read(
        self, violated: str, forms: set[str], elsewhere: set[str], history: set[str]
    ) -> None:
        """What is read under the lock of the patient follows from it; earlier records of its own form too."""
        form = reader(violated)
        assert (form.reads, form.references, form.history) == (forms, elsewhere, history)

    def test_the_cells_of_a_table_read_other_forms_too(self) -> None:
        column = calculated("body.weight * 2.0")
        form = reader(
            items=f'{{ name = "doses", type = "rows", label = {{ en = "Doses" }}, columns = [{column}] }}'
        )
        assert form.reads == {"body"}
        assert reader(items=calculated("it * 2.0")).reads == set()

    @pytest.mark.parametrize(
        ("source", "keys", "elsewhere"),
        [
            ("it * 2.0", {}, False),
            ("reader.it * 2.0", {}, False),
            ("body.weight * 2.0", {}, True),
            ("it + previous(it)", {}, False),
            ("it + previous(body.weight)", {}, True),
            ("it + last(body.weight)", {}, True),
            ("it * 2.0", {"shown_when": "body.sex == 'F'"}, True),
        ],
    )
    def test_a_result_may_change_although_no_answer_of_its_form_does(
        self, source: str, keys: dict[str, str], elsewhere: bool
    ) -> None:
        assert reader(items=calculated(source, **keys)).calculates_from_elsewhere is elsewhere

    def test_without_a_calculation_no_result_changes(self) -> None:
        shown = '{ name = "why", type = "text", label = { en = "Why" }, shown_when = "body.sex == \'F\'" }'
        assert reader(items=shown).calculates_from_elsewhere is False


class TestLabels:
    @pytest.mark.parametrize(
        ("path", "english", "french"),
        [
            ("support", "Support", "Aide"),
            ("breathing.support", "Support", "Aide"),
            ("previous(support)", "Support", "Aide"),
            ("body.weight", "Body: Weight", "Body: Weight"),
            ("here(body.weight)", "Body: Weight", "Body: Weight"),
            ("subject.group", "subject.group", "subject.group"),
        ],
    )
    def test_an_item_is_called_by_its_label_and_that_of_another_form_by_both(
        self, path: str, english: str, french: str
    ) -> None:
        form = breathing()
        assert (form.label_of(path), form.label_of(path, "fr")) == (english, french)

    def test_several_items_are_named_for_each_reader(self) -> None:
        labels = breathing().labels(iter(["support", "rate"]))
        assert labels.in_language("fr") == "Aide, Rate"
        assert labels.in_language("en") == "Support, Rate"
        assert breathing().labels([]).in_language("en") == ""

    def test_the_title_of_another_form_is_in_the_language_too(self) -> None:
        protocol = load(SMALL + BREATHING)
        assert rules_of(protocol).form("body").label_of("breathing.support", "fr") == "Respiration: Aide"


class TestCompiledOnce:
    def test_a_protocol_a_form_and_a_table_are_compiled_once(self) -> None:
        protocol = load(SMALL + BREATHING)
        rules = rules_of(protocol)
        assert rules_of(protocol) is rules
        assert rules.protocol is protocol
        assert rules.form("breathing") is rules.form("breathing")
        assert rules.form("notes").row("doses") is rules.form("notes").row("doses")
        with pytest.raises(KeyError):
            rules.form("nothing")

    def test_of_many_protocols_the_first_ones_are_compiled_anew(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compiled_rules, "_MOST_COMPILED", 2)
        monkeypatch.setattr(compiled_rules, "_compiled", {})
        kept: list[Protocol] = [load(f"{SMALL}\n# {number}") for number in range(3)]
        first, second, third = (rules_of(each) for each in kept)
        assert len({id(each) for each in (first, second, third)}) == 3
        assert rules_of(kept[1]) is second
        assert rules_of(kept[2]) is third
        assert rules_of(kept[0]) is not first
        assert len(compiled_rules._compiled) == 2

    def test_a_result_is_stored_in_plain_notation(self) -> None:
        form = reader(items=calculated("it * 1000.0"))
        assert form.calculated(Scope({"it": "900000000000"}, form="reader")) == {"made": "900000000000000.00"}
        assert [stored(each) for each in (Decimal("1E+3"), "HIGH")] == ["1000", "HIGH"]


class TestEligibility:
    @pytest.mark.parametrize("slug", BOTH)
    def test_each_criterion_keeps_the_values_it_read_in_the_order_of_their_names(self, slug: str) -> None:
        """The signed decision is the same, byte for byte, whichever process made it."""
        read = [list(each.inputs) for each in ProtocolRules(protocol(slug)).eligibility.criteria(Scope())]
        assert max(len(names) for names in read) >= 5
        assert read == [sorted(names) for names in read]

    def test_what_the_criteria_and_the_groups_read_is_known(self) -> None:
        groups = '\n[[groups]]\ncode = "A"\ntitle = { en = "Tall" }\nmember = "body.height > 180.0"\n'
        assert rules_of(load(SMALL + groups)).eligibility.references == {
            "body.weight", "body.sex", "body.pregnant", "body.height",
        }  # fmt: skip

    def test_of_several_open_groups_each_value_is_asked_for_once(self) -> None:
        groups = "".join(
            f'\n[[groups]]\ncode = "{code}"\ntitle = {{ en = "{code}" }}\nmember = "{member}"\n'
            for code, member in (
                ("A", "body.height > 190.0"), ("B", "body.height > 180.0"), ("C", "body.sex == 'F'"),
            )
        )  # fmt: skip
        eligibility = rules_of(load(SMALL + groups)).eligibility
        assert eligibility.group(Scope()) == Undetermined(("body.height", "body.sex"))
        known = Scope(other_forms={"body": {"height": "150", "sex": "M"}})
        assert eligibility.group(known) is None
