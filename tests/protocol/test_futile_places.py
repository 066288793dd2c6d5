"""Rules that come to nothing because of their place: before inclusion, in a log, at a visit of its own (DAT-03)."""

import pytest

from protocol.checking.mistakes import examined
from tests.protocol.test_futile_rules import SMALL, check, doubts, mistakes, text_with

EARLY, LATE = 'forms = ["body"]\n[[visits]]\ncode = "INF1"', 'forms = ["body"]\n[[visits]]\ncode = "INF2"'
FORM = (
    '[forms.later]\ntitle = {{ en = "Later" }}\n'
    'items = [{{ name = "side", type = "yes_no", label = {{ en = "S" }}{more} }}{others}]\n[safety]'
)
INCLUSION = "!definition.heavy && body.sex in ['F', 'M']"
NOT_PREGNANT = "body.pregnant == 'Y'"
BEFORE = "no visit before inclusion has 'later'"


def later(more: str = "", others: str = "", *, at: str = LATE) -> tuple[tuple[str, str], ...]:
    """Return the changes that add the form `later`, asked at the first infusion only."""
    asked = at.replace('["body"]', '["body", "later"]')
    return (("[safety]", FORM.format(more=more, others=others)), (at, asked))


def groups(*members: str) -> tuple[str, str]:
    listed = "".join(
        f'[[groups]]\ncode = "G{number}"\ntitle = {{ en = "G" }}\nmember = "{member}"\n'
        for number, member in enumerate(members, start=1)
    )
    return "[[visits]]", f"{listed}[[visits]]"


def test_the_arm_may_be_drawn_by_what_is_asked_before_inclusion() -> None:
    """RND-01: at screening, at an unscheduled visit, in a log, or by the group."""
    strata = ('["body.sex"]', '["later.side"]')
    assert doubts(*later(at=EARLY), strata) == []
    unscheduled = ("[safety]", '[unscheduled]\nforms = ["later"]\n[safety]')
    assert doubts(*later(), unscheduled, strata) == []
    assert doubts(later()[0], ('logs = ["notes"]', 'logs = ["notes", "later"]'), strata) == []
    assert doubts(groups("body.sex == 'F'"), ('["body.sex"]', '["group"]')) == []


def test_each_stratum_that_is_asked_too_late_is_told() -> None:
    two = later(others=', { name = "part", type = "yes_no", label = { en = "P" } }')
    found = mistakes(*two, ('["body.sex"]', '["later.side", "body.sex", "later.part"]'))
    assert found == [
        f"allocation.strata: 'later.{name}' is asked after the allocation: {BEFORE}"
        for name in ("side", "part")
    ]


WIDE = ("day = 1\n", "day = 1\nwindow = [-1, 3]\n")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ((("interval_days = [3, 4]", "interval_days = [1, 2]"),), "3 to 4 days after infusion_1, its infusion 1 to 2"),
        ((("interval_days = [3, 4]", "interval_days = [5, 9]"),), "3 to 4 days after infusion_1, its infusion 5 to 9"),
        ((("interval_days = [3, 4]", "interval_days = [1, 3]"),), ""),
        ((("interval_days = [3, 4]", "interval_days = [4, 9]"),), ""),
        ((WIDE, ("[0, 1]", "[5, 9]")), "0 to 4 days after inclusion, its infusion 5 to 9"),
        ((WIDE, ("[0, 1]", "[4, 9]")), ""),
        # Counted from another day, it cannot be told.
        ((("interval_days = [3, 4]", "interval_days = [7, 9]"), ('"infusion_1"', '"inclusion"')), ""),
        ((("first_infusion_within_days = [0, 1]\n", ""),), "1 to 1 days after inclusion, its infusion 0 to 0"),
    ],
)  # fmt: skip
def test_a_visit_and_its_infusion_have_a_day_in_common(
    changed: tuple[tuple[str, str], ...], told: str
) -> None:
    found = doubts(*changed)
    assert len(found) == bool(told)
    assert told in "".join(found)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ((INCLUSION, "body.weight > 400.0"), "mistake I1.met: can never be true: nobody could be included"),
        ((NOT_PREGNANT, "body.weight > 10.0"), "mistake E1.present: can never be false: nobody could be included"),
        ((INCLUSION, "body.weight > 10.0"), "doubt I1.met: is always true: it keeps nobody out"),
        ((NOT_PREGNANT, "body.weight > 400.0"), "doubt E1.present: is always false: it keeps nobody out"),
    ],
)  # fmt: skip
def test_a_criterion_that_decides_alike_for_everybody_is_told(changed: tuple[str, str], found: str) -> None:
    kind, _space, told = found.partition(" ")
    look = mistakes if kind == "mistake" else doubts
    assert look(changed) == [f"eligibility.{told}"]


def test_every_criterion_and_group_that_reads_what_nobody_knows_yet_is_told() -> None:
    found = mistakes(
        (INCLUSION, "visit.code == 'S'"),
        (NOT_PREGNANT, "logs.notes.exists(n, n.remark == 'x')"),
        groups("visit.code == 'S'", "subject.group == 'G1'", "body.weight > 400.0"),
    )
    assert found == [
        "eligibility.I1.met: visit.code has no value when eligibility is decided",
        "eligibility.E1.present: logs.notes has no value when eligibility is decided",
        "groups.G1.member: visit.code has no value when eligibility is decided",
        "groups.G2.member: subject.group has no value before inclusion",
        (
            "groups.G3.member: can never be true for answers inside the limits and codes of the items that it reads: "
            "nobody would belong to the group"
        ),
    ]


def test_a_criterion_or_group_that_is_asked_after_inclusion_is_a_doubt() -> None:
    reads = "body.weight > 50.0 && later.side == 'Y'"
    told = "reads 'later', which no visit before inclusion has: it is undetermined until then"
    assert doubts(*later(), (INCLUSION, reads)) == [f"eligibility.I1.met: {told}"]
    assert doubts(*later(), (NOT_PREGNANT, f"{reads} || later.side == 'N'")) == [
        f"eligibility.E1.present: {told}"
    ]
    assert doubts(*later(), groups(reads)) == [f"groups.G1.member: {told}"]
    assert doubts(*later(at=EARLY), (INCLUSION, reads)) == []
    assert doubts(*later(at=EARLY), groups(reads)) == []


def test_a_criterion_that_is_decided_later_may_read_what_is_known_then() -> None:
    """It is decided within some days after inclusion."""
    deferred = ('kind = "inclusion"', 'kind = "inclusion"\ndeferred_days = 7')
    first = "days(subject.inclusion_on, subject.first_infusion_on) < 3.0"
    assert doubts(*later(), deferred, (INCLUSION, "later.side == 'Y'")) == []
    assert doubts(deferred, (INCLUSION, first)) == []
    assert mistakes((INCLUSION, first)) == [
        "eligibility.I1.met: subject.first_infusion_on has no value before inclusion"
    ]
    assert (
        doubts(groups("body.sex == 'F'", "body.sex == 'M'"), deferred, (INCLUSION, "subject.group == 'G1'"))
        == []
    )
    assert mistakes(groups("body.sex == 'F'"), (INCLUSION, "subject.group == 'G1'")) == [
        "eligibility.I1.met: subject.group has no value before inclusion"
    ]
    assert mistakes(deferred, (INCLUSION, "visit.code == 'S'")) == [
        "eligibility.I1.met: visit.code has no value when eligibility is decided"
    ]


def test_the_day_of_inclusion_and_an_earlier_value_are_known_to_a_criterion() -> None:
    assert doubts((NOT_PREGNANT, "days(subject.screened_on, subject.consent_at) > 7.0")) == []
    assert doubts((NOT_PREGNANT, "last(body.weight) > 200.0")) == []
    (line,) = mistakes((NOT_PREGNANT, "entered_here(body.weight) > 200.0"))
    assert (
        line
        == "eligibility.E1.present: entered_here(…) has no value when eligibility is decided: there is no visit"
    )
    (line,) = mistakes((NOT_PREGNANT, "previous(body.weight) > 200.0"))
    assert (
        line == "eligibility.E1.present: previous(…) has no value when eligibility is decided: write last(…)"
    )


def test_an_item_called_group_is_known_before_inclusion() -> None:
    item = '{ name = "group", type = "yes_no", label = { en = "Group" } },\n  { name = "height"'
    assert doubts(('{ name = "height"', item), (NOT_PREGNANT, "body.group == 'Y'")) == []


def test_a_form_that_is_offered_at_an_unscheduled_visit_or_in_a_log_is_asked() -> None:
    only = ("[safety]", FORM.format(more="", others=""))
    assert doubts(only) == [
        "forms.later: is never asked: no visit, no unscheduled visit and no log has this form"
    ]
    assert doubts(only, ("[safety]", '[unscheduled]\nforms = ["later"]\n[safety]')) == []
    assert doubts(only, ('logs = ["notes"]', 'logs = ["notes", "later"]')) == []


def test_the_rules_of_a_form_that_nobody_is_asked_are_not_looked_at() -> None:
    never = ', shown_when = "1.0 > 2.0"'
    assert len(doubts(("[safety]", FORM.format(more=never, others="")))) == 1


def item(more: str) -> tuple[str, str]:
    return 'unit = "cm" }', f'unit = "cm", {more} }}'


def test_what_is_shown_required_or_calculated_is_looked_at() -> None:
    both = "weight > 100.0 && weight < 50.0"
    told = "can never be true: its conditions contradict each other"
    weight = check("weight > 250.0")
    assert mistakes(item(f'shown_when = "{both}"'), weight) == [f"forms.body.height.shown_when: {told}"]
    assert mistakes(item(f'required_when = "{both}"'), weight) == [f"forms.body.height.required_when: {told}"]
    bmi = "weight / pow(height / 100.0, 2.0)"
    assert mistakes((bmi, "weight / 0.0")) == ["forms.body.bmi.calculate: never gives a value"]
    assert doubts((bmi, "weight / 2.0")) == []


def test_each_check_and_item_that_comes_to_nothing_is_told_once() -> None:
    found = mistakes(
        item('shown_when = "weight > 2.0 && weight < 1.0", required_when = "weight < 1.0 && weight > 2.0"'),
        check("weight > 2.0 && weight < 1.0"),
    )
    assert [line.partition(":")[0] for line in found] == [
        "forms.body.height.shown_when",
        "forms.body.height.required_when",
        "forms.body.checks.B1.violated",
    ]


CHECK = '{ id = "B1", on = "bmi", severity = "soft", violated = "bmi > 60.0", message = { en = "Check" } }'


def test_a_check_that_is_never_decided_is_told_once() -> None:
    found = examined(text_with(check("weight / 0.0 > 1.0")))
    assert [problem.path for problem in found.mistakes] == ["forms.body.checks.B1.violated"]
    assert found.doubts == []


def test_two_checks_that_fire_for_every_answer_are_two_doubts() -> None:
    one = CHECK.replace("bmi > 60.0", "weight > 1.0")
    two = one.replace('"B1"', '"B2"')
    assert doubts((CHECK, f"{one}, {two}")) == [
        f"forms.body.checks.{code}.violated: is never false: the check fires for every answer"
        for code in ("B1", "B2")
    ]


@pytest.mark.parametrize(
    ("violated", "limits"),
    [
        ("weight > 300.0", " (weight from 20 to 300)"),
        ("weight > 300.0 && weight < 400.0", " (weight from 20 to 300)"),
        ("weight > 300.0 && height > 100.0", " (weight from 20 to 300)"),
        ("weight > 300.0 && bmi > 10.0", " (weight from 20 to 300)"),
        (
            "weight > 300.0 && days(subject.inclusion_on, subject.screened_on) > 1.0",
            " (weight from 20 to 300)",
        ),
        ("weight > 300.0 || body.weight < 20.0", " (weight from 20 to 300, body.weight from 20 to 300)"),
        ("sex != 'F' && sex != 'M'", ""),
    ],
)
def test_the_limits_that_rule_a_condition_out_are_named(violated: str, limits: str) -> None:
    calculated = ('100.0, 2.0)"', '100.0, 2.0)", hard = [9, 70]')
    assert doubts(calculated, check(violated)) == [
        (
            "forms.body.checks.B1.violated: can never be true for answers inside the limits and codes of the items "
            f"that it reads{limits}"
        )
    ]


def test_a_check_that_is_switched_off_is_a_doubt_of_its_own() -> None:
    assert doubts(check("false")) == ["forms.body.checks.B1.violated: is false: the rule is switched off"]


def test_without_infusions_no_day_of_one_is_known() -> None:
    first = check("days(subject.first_infusion_on, subject.screened_on) > 1.0")
    assert doubts(first) == []
    dosing = SMALL[SMALL.index("[dosing]") : SMALL.index("[[visits]]")]
    none = [(dosing, ""), ('"infusion_1"', '"inclusion"')]
    none += [(f'kind = "infusion"\ninfusion = {number}\n', 'kind = "follow_up"\n') for number in (1, 2)]
    assert mistakes(*none, first) == [
        "forms.body.checks.B1.violated: subject.first_infusion_on never has a value: the protocol has no [dosing]"
    ]
    assert doubts(*none, check("days(subject.inclusion_on, subject.screened_on) > 1.0")) == []


@pytest.mark.parametrize("name", ["infusion.started_at", "infusion.ended_at"])
def test_the_times_of_an_infusion_are_known_at_its_visit_only(name: str) -> None:
    read = check(f"before({name}, subject.screened_on)")
    assert doubts(read) == []
    asked = f', required_when = "before({name}, subject.screened_on)"'
    assert doubts(*later(asked)) == []
    assert mistakes(*later(asked, at=EARLY)) == [
        f"forms.later.side.required_when: {name} never has a value: no visit with an infusion has this form"
    ]
    eligible = (INCLUSION, f"before({name}, subject.screened_on)")
    assert mistakes(eligible) == [f"eligibility.I1.met: {name} has no value when eligibility is decided"]


@pytest.mark.parametrize(
    ("violated", "told"),
    [
        ("here(later.side) == 'Y'", ""),
        ("here(body.weight) > 50.0", ""),
        ("here(weight) > 50.0", ""),
        ("here(apart.side) == 'Y'", "here(apart.side) never has a value: no visit has this form and 'apart'"),
        (
            "here(notes.remark) == 'x'",
            "here(notes.remark) never has a value: no visit has this form and 'notes'",
        ),
        ("last(apart.side) == 'Y'", ""),
        ("apart.side == 'Y'", ""),
    ],
)
def test_a_value_of_the_same_visit_needs_a_visit_with_both_forms(violated: str, told: str) -> None:
    apart = FORM.format(more="", others="").replace("later", "apart")
    visit = (
        '[[visits]]\ncode = "END"\ntitle = { en = "End" }\nkind = "follow_up"\nanchor = "inclusion"\nday = 20\n'
        'forms = ["apart"]\n[forms.body]'
    )
    changes = (*later(), ("[safety]", apart), ("[forms.body]", visit), check(violated))
    if told:
        assert mistakes(*changes) == [f"forms.body.checks.B1.violated: {told}"]
    else:
        assert doubts(*changes) == []


def test_in_a_log_there_is_no_visit() -> None:
    def remark(condition: str) -> tuple[str, str]:
        return "required = false, max_length", f'required = false, shown_when = "{condition}", max_length'

    def column(condition: str) -> tuple[str, str]:
        return (
            'label = { en = "Dose" }, unit = "mg"',
            f'label = {{ en = "Dose" }}, unit = "mg", shown_when = "{condition}"',
        )

    assert mistakes(remark("visit.code == 'S'")) == [
        "forms.notes.remark.shown_when: visit.code never has a value in a log"
    ]
    assert mistakes(column("visit.code == 'S'")) == [
        "forms.notes.doses.columns.mg.shown_when: visit.code never has a value in a log"
    ]
    assert mistakes(remark("here(body.weight) > 50.0")) == [
        "forms.notes.remark.shown_when: here(body.weight) never has a value in a log: a log belongs to no visit"
    ]
    for known in (
        "last(body.weight) > 50.0",
        "body.weight > 50.0",
        "days(subject.inclusion_on, subject.consent_at) > 1.0",
    ):
        assert doubts(remark(known)) == []
    twice = 'name = "twice", type = "decimal", label = { en = "T" }, calculate = "here(body.weight) * 2.0"'
    assert mistakes(('{ name = "remark"', f'{{ {twice} }},\n  {{ name = "remark"')) == [
        "forms.notes.twice.calculate: here(body.weight) never has a value in a log: a log belongs to no visit"
    ]
    score = '{ name = "score", type = "integer", label = { en = "S" }, unit = "mg" },\n  { name = "remark"'
    assert doubts(('{ name = "remark"', score), remark("entered_here(score) > 50.0")) == []
    assert doubts(check("visit.code == 'S'")) == []
