"""Render any form of a protocol as a crispy form: a field per item, a fieldset per group, findings at each field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout, LayoutObject
from django import forms
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from patients.casebook.known_values import KnownValue
from patients.casebook.range_flags import reference_words, side_words
from patients.entry import not_done
from patients.entry.fields import AnswerField, RowsWidget
from protocol.document.items import Form, Item, ItemGroup
from protocol.expressions.rules import Labels
from protocol.values.labels import code_words, unit_words
from protocol.values.parsing import CheckFinding, Clock, Value, display, flag
from protocol.values.reference_ranges import RangeReading, is_laboratory

# The longest text field and the longest choices, in characters, that share a line with another field. A tick box
# counts as five characters.
SHORT, SHORT_CHOICE, BOX = 40, 20, 5


@dataclass(frozen=True, slots=True)
class Result:
    """One message at a field: an error, a warning or a notice. An error blocks completion of the form."""

    tone: str
    sentence: str

    @property
    def blocks(self) -> bool:
        """Return True if the form cannot be completed because of it."""
        return self.tone == "error"


@dataclass(frozen=True, slots=True)
class FieldContext:
    """Everything a field shows beside its value, by item or path.

    results: messages. soft: paths with an unusual value. hidden, undecided, required: items by their conditions.
    queries: number of open queries. known: values of other forms that are offered. lacking: inputs that a calculated
    item still needs. more_rows: the table that gets more empty rows. readings: position in the reference ranges.
    said_of_group: message at the "not done" button of a group, by its number. taken: items whose stored value was
    chosen in a conflict.
    """

    results: Mapping[str, tuple[Result, ...]] = field(default_factory=dict)
    soft: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()
    required: frozenset[str] | None = None
    queries: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, KnownValue] = field(default_factory=dict)
    calculated: Mapping[str, Value] = field(default_factory=dict)
    lacking: Mapping[str, Labels] = field(default_factory=dict)
    more_rows: str = ""
    readings: Mapping[str, RangeReading] = field(default_factory=dict)
    said_of_group: Mapping[int, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()


def form_for(
    form: Form,
    *,
    values: Mapping[str, Value] | None = None,
    data: QueryDict | None = None,
    clock: Clock | None = None,
    language: str = "en",
    surroundings: FieldContext | None = None,
) -> "CaptureForm":
    """Return the crispy form of a protocol form with the stored `values`, or with the typed inputs (`data`)."""
    return CaptureForm(
        form,
        clock=clock or Clock(),
        language=language,
        surroundings=surroundings or FieldContext(),
        data=data,
        initial=dict(values or {}),
    )


class CaptureForm(forms.Form):
    """The items of a protocol form as fields. It only renders; `patients.entry.posted` reads what is submitted."""

    def __init__(
        self, form: Form, *, clock: Clock, language: str, surroundings: FieldContext, **kwargs: Any
    ) -> None:
        super().__init__(label_suffix="", **kwargs)
        self.bound: dict[str, BoundAnswer] = {}
        self.asked, self.clock, self.language, self.surroundings = form, clock, language, surroundings
        for item in form.items:
            if not item.is_calculated:
                self.fields[item.name] = self._field(item)
        self.helper = FormHelper()
        self.helper.form_tag = self.helper.include_media = False
        self.helper.disable_csrf = True
        self.helper.form_show_errors = False
        self.helper.field_template = "capture/field.html"
        self.helper.layout = Layout(*(FieldGroup(group, number) for number, group in enumerate(form.groups)))

    def _field(self, item: Item) -> AnswerField:
        made = AnswerField(item, clock=self.clock, language=self.language)
        if isinstance(made.widget, RowsWidget):
            made.widget.results = self.surroundings.results
            made.widget.growing = self.surroundings.more_rows == item.name
        return made

    def __getitem__(self, name: str) -> "BoundAnswer":
        """Return the bound field of an item."""
        if name not in self.bound:
            self.bound[name] = BoundAnswer(self, self.fields[name], name)
        return self.bound[name]


class BoundAnswer(forms.BoundField):
    """A field of a capture form with its messages, queries, unit and reference range."""

    form: CaptureForm

    @property
    def item(self) -> Item:
        """Return the item of the protocol."""
        return self.field.item  # type: ignore[attr-defined]

    @property
    def around(self) -> FieldContext:
        """Return the context of the form's fields."""
        return self.form.surroundings

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """Return the messages at the field."""
        return tuple(self.around.results.get(self.name, ()))

    @property
    def is_invalid(self) -> bool:
        """Return True if the field has an error."""
        return any(result.blocks for result in self.results)

    @property
    def is_group(self) -> bool:
        """Return True if the field needs a legend instead of a label."""
        return bool(self.field.widget.is_group)

    @property
    def unit(self) -> str:
        """Return the printed unit of the item; empty if it has none, or several to choose from."""
        return unit_words(self.item.unit, _) if self.item.unit and not self.item.units else ""

    @property
    def is_wide(self) -> bool:
        """Return True if the field takes the whole width of the form."""
        if self.item.type in ("choice", "yes_no") and self.is_group:
            return sum(len(words) + BOX for words in self._choices) > SHORT_CHOICE
        short = (
            self.item.type in ("integer", "decimal", "date", "time", "choice")
            or (self.item.max_length or 200) <= SHORT
        )
        return self.is_group or not short

    @property
    def _choices(self) -> list[str]:
        return [code_words(code, self.item, self.form.language, _) for code in self.item.codes]

    @property
    def can_be_soft(self) -> bool:
        """Return True if a soft limit or soft check applies to the item, so that it needs an input for a reason."""
        checked = any(check.severity == "soft" for check in self.form.asked.checks_on(self.name))
        return checked or self.item.soft is not None

    @property
    def is_soft(self) -> bool:
        """Return True if the value is unusual; it may be confirmed with a reason."""
        return self.name in self.around.soft

    @property
    def is_hidden_now(self) -> bool:
        """Return True if the other answers rule the item out."""
        return self.name in self.around.hidden

    @property
    def is_taken(self) -> bool:
        """Return True if the stored value was chosen instead of the typed one."""
        return self.name in self.around.taken

    @property
    def is_undecided(self) -> bool:
        """Return True if the other answers do not decide yet whether the item is asked."""
        return self.name in self.around.undecided

    @property
    def is_required(self) -> bool:
        """Return True if the form is complete only with an answer to the item."""
        required = self.around.required
        return (
            self.item.required and not self.item.required_when if required is None else self.name in required
        )

    @property
    def first_id(self) -> str:
        """Return the id of the first input, the target of the links in the error summary."""
        return f"id_{self.name}{self.field.widget.first_suffix}"

    @property
    def open_queries(self) -> int:
        """Return the number of open queries on the item."""
        return self.around.queries.get(self.name, 0)

    @property
    def known(self) -> KnownValue | None:
        """Return the value that another form holds, or None. It is offered, never filled in."""
        return self.around.known.get(self.name)

    @cached_property
    def parts(self) -> Mapping[str, Any]:
        """Return the texts of the inputs by part."""
        value: Mapping[str, Any] = self.value()
        return value

    @property
    def missing_options(self) -> list[tuple[str, str, bool]]:
        """Return the missing codes that may be chosen: code, words, and whether it is chosen."""
        chosen = self.parts.get("missing")
        return [
            (code, display({"missing": code}, self.item, translate=_), code == chosen)
            for code in self.item.missing
        ]

    @property
    def has_reference(self) -> bool:
        """Return True if laboratories give reference ranges for the item."""
        return is_laboratory(self.form.asked, self.item)

    @property
    def reference(self) -> dict[str, str]:
        """Return the reference range, and the position of the value in it, as text."""
        return reference(self.item, self.around, self.form.language)

    @property
    def confirmation(self) -> str:
        """Return the reason that was typed for an unusual value."""
        return self.form.data.get(f"{self.name}-confirm", "") if self.form.is_bound else ""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: Any = None) -> dict[str, Any]:
        """Return the attributes that link help, reference range and messages to the input for screen readers."""
        described = [f"help-{self.name}"] if self.help_text else []
        if self.has_reference:
            described.append(f"reference-{self.name}")
        return {
            **attrs,
            "aria-describedby": " ".join([*described, f"result-{self.name}"]),
            "aria-invalid": "true" if self.is_invalid else None,
            "aria-required": "true" if self.is_required and not self.is_group else None,
        }


class FieldGroup(LayoutObject):
    """The fieldset of one group: inputs of its items, values of its calculated items. The title is plain text."""

    def __init__(self, group: ItemGroup, number: int) -> None:
        self.group, self.number = group, number
        self.fields = [item.name for item in group.items if not item.is_calculated]

    def render(
        self, form: CaptureForm, context: Any, template_pack: str = "bootstrap5", **kwargs: Any
    ) -> SafeString:
        """Render the fieldset."""
        around = form.surroundings
        parts = [self._part(form, item, context) for item in self.group.items]
        return render_to_string(
            "capture/group.html",
            {
                "title": self.group.title.in_language(form.language) if self.group.title else "",
                **group_tools(form, self.group, self.number),
                "parts": parts,
                "page": context.get("page"),
                "hidden": all(item.name in around.hidden for item in self.group.items),
            },
        )

    def _part(self, form: CaptureForm, item: Item, context: Any) -> str:
        if item.is_calculated:
            return render_to_string(
                "capture/calculated.html", calculated(item, form.surroundings, form.language)
            )
        return render_to_string("capture/field.html", {"field": form[item.name], "page": context.get("page")})


def reference(item: Item, around: FieldContext, language: str) -> dict[str, str]:
    """Return the reference range of an item (`words`) and the position of its value (`side`); empty if unknown."""
    found = around.readings.get(item.name)
    return {"words": reference_words(found, item, language), "side": side_words(found)}


def group_tools(form: CaptureForm, group: ItemGroup, number: int) -> dict[str, Any]:
    """Return the context of a group's "not done" button: whether it has one, the items it marked, its message."""
    return {
        "number": number,
        "can_mark": not_done.can_mark(group),
        "marked": not_done.marked_in(group, form.data if isinstance(form.data, QueryDict) else None),
        "said": form.surroundings.said_of_group.get(number, ""),
        "named": group.title.in_language(form.language) if group.title else "",
    }


def input_id(form: Form, path: str) -> str:
    """Return the id of the first input of an item or cell; for a calculated item the id of its element on the page."""
    name, dash, _cell = path.partition("-")
    if name not in form:
        return name
    if dash:
        return f"id_{path}"
    item = form.item(name)
    return name if item.is_calculated else f"id_{name}{AnswerField(item).widget.first_suffix}"


def calculated(item: Item, around: FieldContext, language: str) -> dict[str, Any]:
    """Return the template context of a calculated value."""
    value, reading = around.calculated.get(item.name), around.readings.get(item.name)
    lacking = around.lacking.get(item.name)
    return {
        "item": item,
        "is_wide": not item.is_numeric,
        "label": item.label.in_language(language),
        "words": display(value, item, language, _),
        "lacking": lacking.in_language(language) if lacking else "",
        "unfit": lacking is not None and not lacking.paths,
        "flag": reading.flag if reading else flag(value, item),
        "reference": reference_words(reading, item, language),
        "results": around.results.get(item.name, ()),
        "hidden": item.name in around.hidden,
    }


def sentences(findings: Iterable[CheckFinding], language: str) -> dict[str, tuple[Result, ...]]:
    """Return the messages of findings by path, errors first, in the given language."""
    tones = {"hard": "error", "soft": "warning", "notice": "notice"}
    found: dict[str, tuple[Result, ...]] = {}
    for finding in sorted(findings, key=lambda each: list(tones).index(each.severity)):
        result = Result(tones[finding.severity], finding.sentence(_, language))
        found[finding.item] = (*found.get(finding.item, ()), result)
    return found
