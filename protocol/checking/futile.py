"""Rules that come to nothing: never true, never fired, never asked, never decided.

Such a rule is a mistake if no file could mean it, else a doubt: a doubt is listed, and a person confirms it in the
table `[[confirmed]]` of the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from protocol.checking.satisfiable import Surroundings, can_be, needed, never_known
from protocol.checking.shape import Problem
from protocol.document.document import Protocol
from protocol.document.dosing import InfusionWindow
from protocol.document.items import Form, Item
from protocol.expressions.functions import AT_VISIT
from protocol.expressions.kinds import ItemKind
from protocol.expressions.names import kinds_of_items
from protocol.expressions.rules import rules_of
from protocol.expressions.syntax import Call, ExpressionError, Literal, Name, Node, expanded, parse, walk
from protocol.expressions.types import history_target

CONTRADICTION = "can never be true: its conditions contradict each other"
OUTSIDE_LIMITS = "can never be true for answers inside the limits and codes of the items that it reads"


@dataclass(slots=True)
class Futile:
    """The findings in a file: mistakes, and doubts that a person may confirm."""

    mistakes: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _RulePlace:
    """Where expressions stand: the names they know, the conditions of the items beside them, and the form."""

    names: Mapping[str, ItemKind]
    items: Mapping[str, Item]
    shown: Mapping[str, Node]
    calculated: Mapping[str, Node] = field(default_factory=dict)
    form: Form | None = None
    deferred: bool = False


def futile_rules(protocol: Protocol) -> Futile:
    """Return the rules of a protocol without other mistakes that come to nothing."""
    return _Search(protocol).run()


class _Search:
    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.found = Futile()
        self.names = rules_of(protocol).names
        self.items = {
            f"{code}.{item.name}": item for code, form in protocol.forms.items() for item in form.items
        }
        self.visits_of = _visits_of(protocol)

    def run(self) -> Futile:
        self._strata()
        self._infusion_days()
        self._criteria()
        for form in self.protocol.forms.values():
            self._form(form)
        return self.found

    def _tree(self, source: str) -> Node:
        return expanded(parse(source), self.protocol.definitions)

    def _strata(self) -> None:
        """Patients are allocated when their eligibility is signed: a later answer comes too late."""
        for stratum in self.protocol.allocation.strata if self.protocol.allocation else ():
            form = stratum.partition(".")[0]
            if stratum != "group" and form not in self._before_inclusion():
                told = f"{stratum!r} is asked after the allocation: no visit before inclusion has {form!r}"
                self.found.mistakes.append(Problem("allocation.strata", told))

    def _infusion_days(self) -> None:
        """Doubt a visit whose window has no day on which its infusion may be given."""
        dosing = self.protocol.dosing
        for visit in self.protocol.visits:
            if dosing is None or visit.infusion is None:
                continue
            allowed, counted = _days_of(dosing.window_of(visit.infusion))
            early, late = (visit.day + days for days in visit.window)
            if visit.anchor == counted and allowed and (late < allowed[0] or early > allowed[1]):
                told = f"is {early} to {late} days after {counted}, its infusion {allowed[0]} to {allowed[1]} days"
                self.found.doubts.append(Problem(f"visits.{visit.code}.day", f"{told}: no day fits both"))

    def _criteria(self) -> None:
        for group in self.protocol.groups:
            path, place = f"groups.{group.code}.member", _RulePlace(self.names, self.items, {})
            tree = self._tree(group.member)
            if not self._all_known(path, tree, place):
                continue
            if not self._can_be(True, tree, place):
                self.found.mistakes.append(
                    Problem(path, f"{OUTSIDE_LIMITS}: nobody would belong to the group")
                )
            else:
                self._asked_before_inclusion(path, tree)
        for criterion in self.protocol.eligibility:
            wanted = criterion.kind == "inclusion"
            path = f"eligibility.{criterion.id}.{'met' if wanted else 'present'}"
            place = _RulePlace(self.names, self.items, {}, deferred=criterion.is_deferred)
            tree = self._tree(criterion.expression)
            if not self._all_known(path, tree, place):
                continue
            if not self._can_be(wanted, tree, place):
                word = "true" if wanted else "false"
                self.found.mistakes.append(Problem(path, f"can never be {word}: nobody could be included"))
            elif not self._can_be(not wanted, tree, place):
                word = "true" if wanted else "false"
                self.found.doubts.append(Problem(path, f"is always {word}: it keeps nobody out"))
            elif not criterion.is_deferred:
                self._asked_before_inclusion(path, tree)

    def _asked_before_inclusion(self, path: str, tree: Node) -> None:
        for node in walk(tree):
            form = node.path.partition(".")[0] if isinstance(node, Name) else ""
            if form in self.protocol.forms and form not in self._before_inclusion():
                told = f"reads {form!r}, which no visit before inclusion has: it is undetermined until then"
                self.found.doubts.append(Problem(path, told))
                return

    def _before_inclusion(self) -> frozenset[str]:
        planned = {
            code for visit in self.protocol.visits if visit.anchor == "screening" for code in visit.form_codes
        }
        unscheduled = {entry.form for entry in self.protocol.unscheduled.forms}
        return frozenset(planned | unscheduled | set(self.protocol.logs))

    def _form(self, form: Form) -> None:
        path = f"forms.{form.code}"
        if not self.visits_of[form.code] and form.code not in self.protocol.logs:
            self.found.doubts.append(
                Problem(path, "is never asked: no visit, no unscheduled visit and no log has this form")
            )
            return
        names = {**self.names, **kinds_of_items(form.items)}
        own = {item.name: item for item in form.items}
        shown, calculated = self._conditions(form.items)
        place = _RulePlace(names, {**self.items, **own}, shown, calculated, form)
        for item in form.items:
            self._item(f"{path}.{item.name}", item, place)
            if item.columns:
                self._columns(f"{path}.{item.name}", item, place)
        for check in form.checks:
            self._check(f"{path}.checks.{check.id}.violated", check.violated, place)

    def _columns(self, path: str, item: Item, form: _RulePlace) -> None:
        names = {**form.names, **kinds_of_items(item.columns)}
        own = {column.name: column for column in item.columns}
        shown, calculated = self._conditions(item.columns)
        place = _RulePlace(
            names,
            {**form.items, **own},
            {**form.shown, **shown},
            {**form.calculated, **calculated},
            form.form,
        )
        for column in item.columns:
            self._item(f"{path}.columns.{column.name}", column, place)

    def _check(self, path: str, violated: str, place: _RulePlace) -> None:
        self._condition(path, violated, place)
        if not self._can_be(False, self._tree(violated), place) and all(
            problem.path != path for problem in (*self.found.mistakes, *self.found.doubts)
        ):
            self.found.doubts.append(Problem(path, "is never false: the check fires for every answer"))

    def _conditions(self, items: Iterable[Item]) -> tuple[dict[str, Node], dict[str, Node]]:
        """Return the conditions under which items are shown, and the calculations, by name."""
        shown = {item.name: self._tree(item.shown_when) for item in items if item.shown_when}
        return shown, {item.name: self._tree(item.calculate) for item in items if item.calculate}

    def _item(self, path: str, item: Item, place: _RulePlace) -> None:
        if item.shown_when:
            self._condition(f"{path}.shown_when", item.shown_when, place, shows=item.name)
        if item.required_when:
            self._condition(f"{path}.required_when", item.required_when, place)
        if item.calculate:
            tree = self._tree(item.calculate)
            key = f"{path}.calculate"
            if self._all_known(key, tree, place) and never_known(tree, self._around(place)):
                self.found.mistakes.append(Problem(key, "never gives a value"))

    def _condition(self, path: str, source: str, place: _RulePlace, *, shows: str = "") -> None:
        tree = self._tree(source)
        if not self._all_known(path, tree, place):
            return
        if can_be(True, tree, self._around(place), shows=shows):
            return
        # `false` as it stands is written on purpose; a condition that is false for any answer is a slip.
        if isinstance(tree, Literal):
            self.found.doubts.append(Problem(path, "is false: the rule is switched off"))
        elif can_be(True, tree, self._around(place, limited=False), shows=shows):
            self.found.doubts.append(Problem(path, f"{OUTSIDE_LIMITS}{self._limits(tree, place)}"))
        else:
            self.found.mistakes.append(Problem(path, CONTRADICTION))

    def _limits(self, tree: Node, place: _RulePlace) -> str:
        told = []
        for name in dict.fromkeys(needed_anywhere(tree)):
            item = place.items.get(name)
            if item is not None and item.hard is not None and not item.is_calculated:
                told.append(f"{name} from {item.hard.lowest:f} to {item.hard.highest:f}")
        return f" ({', '.join(told[:3])})" if told else ""

    def _can_be(self, answer: bool, tree: Node, place: _RulePlace) -> bool:
        return can_be(answer, tree, self._around(place))

    def _around(self, place: _RulePlace, *, limited: bool = True) -> Surroundings:
        return Surroundings(
            place.names,
            place.items,
            place.shown,
            place.calculated,
            lambda node: self._why_never(node, place) is not None,
            limited,
        )

    def _all_known(self, path: str, tree: Node, place: _RulePlace) -> bool:
        """Report the first name that never has a value at this place; return True if there is none."""
        for node in walk(tree):
            why = self._why_never(node, place)
            if why is not None:
                self.found.mistakes.append(Problem(path, why))
                return False
        return True

    def _why_never(self, node: Node, place: _RulePlace) -> str | None:
        """Return why a part never has a value where it stands; None if it can have one."""
        if isinstance(node, Name):
            return self._never_a_name(node.path, place)
        if isinstance(node, Call) and node.function in AT_VISIT:
            return self._never_here(node, place)
        if isinstance(node, Call) and node.function == "previous" and place.form is None:
            return "previous(…) has no value when eligibility is decided: write last(…)"
        return None

    def _never_a_name(self, name: str, place: _RulePlace) -> str | None:
        first, _dot, rest = name.partition(".")
        if (name == "subject.first_infusion_on" or first == "infusion") and self.protocol.dosing is None:
            return f"{name} never has a value: the protocol has no [dosing]"
        if place.form is not None:
            if first in ("visit", "infusion") and place.form.code in self.protocol.logs:
                return f"{name} never has a value in a log"
            if first == "infusion" and not self.visits_of[place.form.code] & self._infused:
                return f"{name} never has a value: no visit with an infusion has this form"
            return None
        if first in ("visit", "infusion", "logs"):
            return f"{name} has no value when eligibility is decided"
        if first == "subject" and rest in ("first_infusion_on", "group") and not place.deferred:
            return f"{name} has no value before inclusion"
        return None

    @property
    def _infused(self) -> frozenset[str]:
        return frozenset(visit.code for visit in self.protocol.visits if visit.infusion)

    def _never_here(self, node: Call, place: _RulePlace) -> str | None:
        if place.form is None:
            return f"{node.function}(…) has no value when eligibility is decided: there is no visit"
        try:
            target = history_target(node).path
        except ExpressionError:
            return None
        other = target.partition(".")[0] if "." in target else place.form.code
        if other == place.form.code:
            return None
        if place.form.code in self.protocol.logs:
            return f"{node.function}({target}) never has a value in a log: a log belongs to no visit"
        if not self.visits_of[place.form.code] & self.visits_of.get(other, frozenset()):
            return f"{node.function}({target}) never has a value: no visit has this form and {other!r}"
        return None


def _days_of(window: InfusionWindow) -> tuple[tuple[int, int] | None, str]:
    """Return the days of a window, those that its hours may reach included, and what they are counted from."""
    if window.hours is not None:
        return (window.hours[0] // 24, -(-window.hours[1] // 24)), window.after
    return window.days, window.after


def needed_anywhere(tree: Node) -> Iterator[str]:
    """Yield the names in a tree, also those of parts that may lack a value."""
    for node in walk(tree):
        if isinstance(node, Name):
            yield from needed(node)


def _visits_of(protocol: Protocol) -> Mapping[str, frozenset[str]]:
    """Return the codes of the visits of each form; an unscheduled visit counts as one."""
    found: dict[str, set[str]] = {code: set() for code in protocol.forms}
    for visit in protocol.visits:
        for code in visit.form_codes:
            found[code].add(visit.code)
    for entry in protocol.unscheduled.forms:
        found[entry.form].add("")
    return {code: frozenset(visits) for code, visits in found.items()}
