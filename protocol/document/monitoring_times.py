"""The observations at the bedside of an infusion: when, what, the checklist of events, and the stopping rules.

Times are minutes from the actual start or the actual end of the infusion; a pause does not move them (CEL-15).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.document.items import Item, Part, Text
from protocol.document.written_values import Cel, ShortName, Whole

LATEST_MINUTES = 14 * 24 * 60
Minutes = Annotated[Whole, Field(ge=-LATEST_MINUTES, le=LATEST_MINUTES)]
OBSERVED_TYPES = frozenset({"integer", "decimal", "choice", "yes_no", "text"})


class MonitoringTime(Part):
    """A planned observation: `minutes` after the actual start or end, with `window` = [minutes before (≤ 0), after]."""

    code: ShortName
    after: Literal["start", "end"]
    minutes: Minutes
    window: tuple[Minutes, Minutes]

    @model_validator(mode="after")
    def _window_holds_the_time(self) -> Self:
        if not self.window[0] <= 0 <= self.window[1]:
            raise ValueError("write window = [minutes before, minutes after], like [-5, 5]")
        if self.after == "end" and self.minutes < 0:
            raise ValueError("nobody knows the end before it comes: count from the start")
        return self


class ChecklistTime(Part):
    """When the checklist is due: `hours` after the end of the infusion; it is overdue `within_minutes` later."""

    hours: Annotated[Whole, Field(ge=1, le=14 * 24)]
    within_minutes: Annotated[Whole, Field(ge=1, le=24 * 60)] = 120

    @property
    def code(self) -> str:
        """The name of this checklist."""
        return f"{self.hours}_h"


class InfusionEvent(Part):
    """An event of the checklist, asked as a question that is answered yes or no."""

    code: ShortName
    text: Text


class BedsideRule(Part):
    """A rule for one patient: when `met` is true of an observation, the system proposes to stop.

    The expression reads the items, their values before the start (`baseline.spo2`) and those of the observation before
    (`previous(spo2)`).
    """

    code: ShortName
    text: Text
    met: Cel


class BedsidePlan(Part):
    """The monitoring of an infusion. Without the section nothing is planned; steps can be recorded all the same."""

    items: tuple[Item, ...] = ()
    times: tuple[MonitoringTime, ...] = ()
    checklists: tuple[ChecklistTime, ...] = ()
    events: tuple[InfusionEvent, ...] = ()
    stopping_rules: tuple[BedsideRule, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        _once("items", (item.name for item in self.items))
        _once("times", (time.code for time in self.times))
        _once("checklists", (str(each.hours) for each in self.checklists))
        _once("events", (event.code for event in self.events))
        _once("stopping_rules", (rule.code for rule in self.stopping_rules))
        if (self.times or self.stopping_rules) and not self.items:
            raise ValueError("items: name what is observed")
        if bool(self.checklists) != bool(self.events):
            raise ValueError("checklists and events belong together")
        for item in self.items:
            if item.type not in OBSERVED_TYPES or item.calculate or item.shown_when or item.required_when:
                known = ", ".join(sorted(OBSERVED_TYPES))
                raise ValueError(f"{item.name}: a plain item of the types {known}")
        return self

    @cached_property
    def _item_by_name(self) -> Mapping[str, Item]:
        return {item.name: item for item in self.items}

    def item(self, name: str) -> Item:
        """Return the item with a name. Raises KeyError if it is not observed."""
        return self._item_by_name[name]

    @cached_property
    def _rule_by_code(self) -> Mapping[str, BedsideRule]:
        return {rule.code: rule for rule in self.stopping_rules}

    def rule(self, code: str) -> BedsideRule:
        """Return the stopping rule with a code. Raises KeyError if there is none."""
        return self._rule_by_code[code]


def _once(key: str, codes: Iterable[str]) -> None:
    twice = [code for code, times in Counter(codes).items() if times > 1]
    if twice:
        raise ValueError(f"{key}: {twice[0]} stands twice")
