"""What the rules of a form say of its answers: what is asked, calculated, needed, impossible or unlikely.

One implementation for saving and for the page that asks while a person types (DAT-04). The result holds no words of
one language, so what a verb found out under the lock is what the refused page shows, in the language of its reader.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from patients.casebook.casebook import Casebook, FormPlace
from protocol.document.items import Form, Item, path
from protocol.expressions.kinds import BESIDE_FORMS
from protocol.expressions.rules import FormRules, ItemRules, Labels, Scope, rules_of
from protocol.values.parsing import CheckFinding, Value, is_answered, limit_findings
from protocol.values.refusals import gettext_noop

NEEDED = gettext_noop("Answer this, or choose why there is no value.")
NEEDED_VALUE = gettext_noop("Answer this.")
WAITS = gettext_noop("Whether this is asked depends on “%(needs)s”: answer that first.")
CHECK = "check:"
MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class CheckedAnswers:
    """The answers as they are stored, and what is said about them.

    values: without answers to items that are not asked, with what is calculated.
    hidden: items whose condition is false; undecided: items whose condition nothing decides yet.
    required: items that need an answer; unanswered: paths that need one and have none.
    waiting: undecided items that wait for an answer of another form, which nobody has given.
    lacking: by calculated item without a value, what it still needs; nothing when the answers decide nothing.
    """

    values: dict[str, Value]
    hidden: frozenset[str]
    undecided: frozenset[str]
    required: frozenset[str]
    waiting: frozenset[str]
    unanswered: tuple[CheckFinding, ...]
    findings: tuple[CheckFinding, ...]
    lacking: Mapping[str, Labels]

    @property
    def obstacles(self) -> tuple[CheckFinding, ...]:
        """What stands in the way of completing the form (a draft may hold all of it)."""
        return (*self.unanswered, *(finding for finding in self.findings if finding.severity == "hard"))

    @property
    def soft(self) -> tuple[CheckFinding, ...]:
        """What is unlikely: saved, and asked about."""
        return tuple(finding for finding in self.findings if finding.severity == "soft")


def checked(casebook: Casebook, place: FormPlace, values: Mapping[str, Value]) -> CheckedAnswers:
    """Check the answers of a form among everything else that the casebook holds of the patient."""
    rules = rules_of(place.protocol.rules).form(place.form.code)
    return check_answers(place.form, rules, casebook.scope(place, values))


def check_answers(form: Form, rules: FormRules, scope: Scope) -> CheckedAnswers:
    """Check the answers in `scope` (`scope.form_values`)."""
    values, hidden = _settled(form, rules, dict(scope.form_values), scope)
    scope = scope.with_values(values)
    shown, required = rules.shown(scope), rules.required(scope)
    undecided = frozenset(item.name for item in form.items) - shown - hidden
    waiting = {item.name: needs for item in form.items if (needs := _waits(item, rules, scope, undecided))}
    return CheckedAnswers(
        values=values,
        hidden=hidden,
        undecided=undecided,
        required=required,
        waiting=frozenset(waiting),
        unanswered=(*_unanswered(form, rules, scope, required), *_waiting(waiting, rules)),
        findings=tuple(_findings(form, rules, scope)),
        lacking={
            item.name: rules.labels(rules.lacks(item.name, scope))
            for item in form.items
            if item.is_calculated and item.name not in values
        },
    )


def _settled(
    form: Form, rules: FormRules, values: dict[str, Value], scope: Scope
) -> tuple[dict[str, Value], frozenset[str]]:
    """The answers once nothing more falls away: an item that is not asked may have asked for another."""
    hidden: frozenset[str] = frozenset()
    for _round in range(MOST_ROUNDS):
        values = rules.with_calculated(scope.with_values(values))
        values = {
            name: _row_settled(form.item(name), rules, value, scope, values) for name, value in values.items()
        }
        seen = scope.with_values(values)
        hidden = frozenset(item.name for item in form.items if rules.is_ruled_out(item.name, seen))
        kept = {name: value for name, value in values.items() if name not in hidden and is_answered(value)}
        if len(kept) == len(values):
            break
        values = kept
    return values, hidden


def _row_settled(
    item: Item, rules: FormRules, value: Value, scope: Scope, values: Mapping[str, Value]
) -> Value:
    if item.type != "rows" or not isinstance(value, list):
        return value
    row_rules = rules.row(item.name)
    return [row for row in (_row(row_rules, cells, scope, values) for cells in value) if row]


def _row(
    rules: ItemRules, cells: Mapping[str, Value], scope: Scope, values: Mapping[str, Value]
) -> dict[str, Value]:
    names = {item.name for item in rules.items}
    seen = scope.with_values({**values, **cells})
    whole = rules.with_calculated(seen)
    seen = scope.with_values(whole)
    return {
        name: value
        for name, value in whole.items()
        if name in names
        and (name in cells or _is_calculated(rules, name))
        and not rules.is_ruled_out(name, seen)
    }


def _is_calculated(rules: ItemRules, name: str) -> bool:
    return any(item.name == name and item.is_calculated for item in rules.items)


def _unanswered(
    form: Form, rules: FormRules, scope: Scope, required: frozenset[str]
) -> Iterator[CheckFinding]:
    for item in form.items:
        value = scope.form_values.get(item.name)
        if item.name in required and not is_answered(value):
            yield _needed(item.name, item)
        if item.type == "rows" and isinstance(value, list):
            row_rules = rules.row(item.name)
            for number, cells in enumerate(value):
                needed = row_rules.required(scope.with_values({**scope.form_values, **cells}))
                for column in item.columns:
                    if column.name in needed and not is_answered(cells.get(column.name)):
                        yield _needed(path(item.name, number, column.name), column)


def _waits(item: Item, rules: FormRules, scope: Scope, undecided: frozenset[str]) -> tuple[str, ...]:
    """The blank answers of other forms that would decide whether an item is asked.

    A gate of the same form is needed itself, and a gate that is marked missing will never say more.
    """
    if item.name not in undecided or item.is_calculated:
        return ()
    elsewhere = (name for name in rules.waits_for(item.name, scope) if "." in name)
    forms = (name for name in elsewhere if name.partition(".")[0] not in BESIDE_FORMS)
    return tuple(name for name in forms if not is_answered(scope.get(name)))


def _waiting(waiting: Mapping[str, tuple[str, ...]], rules: FormRules) -> Iterator[CheckFinding]:
    for name, needs in waiting.items():
        yield CheckFinding(name, "waits", "hard", WAITS, {"needs": rules.labels(needs)})


def _needed(where: str, item: Item) -> CheckFinding:
    return CheckFinding(where, "needed", "hard", NEEDED if item.missing else NEEDED_VALUE)


def _findings(form: Form, rules: FormRules, scope: Scope) -> Iterator[CheckFinding]:
    for item in form.items:
        value = scope.form_values.get(item.name)
        if item.type == "rows" and isinstance(value, list):
            for number, cells in enumerate(value):
                for column in item.columns:
                    yield from limit_findings(
                        cells.get(column.name), column, path(item.name, number, column.name)
                    )
        elif value is not None:
            yield from limit_findings(value, item)
    for check in rules.fired(scope):
        yield CheckFinding(check.on, f"{CHECK}{check.id}", check.severity, check.message)


@lru_cache(maxsize=2048)
def _words(expression: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z][a-z0-9_]*", expression))


def inputs_of(finding: CheckFinding, form: Form) -> Iterable[str]:
    """The items of the form that a finding speaks about: its own, and those its check reads."""
    names = {finding.item.partition("-")[0]}
    for check in form.checks:
        if finding.check == f"{CHECK}{check.id}":
            names |= {name for name in _words(check.violated) if name in form}
    return names
