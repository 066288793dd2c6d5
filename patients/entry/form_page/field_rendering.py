"""Render the fields of one page: the constant HTML of each item (`form_markup`) with what this page shows in it."""

from collections.abc import Iterable, Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.markup import markup
from patients.casebook.range_flags import reference_words, side_words
from patients.entry.controls import CONTROLS
from patients.entry.fields import (
    HIDDEN,
    INVALID_SLOTS,
    NEEDED,
    OPEN,
    SELECTED,
    ItemInputs,
    Parts,
    Slots,
    stored_parts,
    typed_parts,
)
from patients.entry.form_page.field_context import FieldContext, Result, sentences_html
from patients.entry.form_page.form_markup import FormMarkup, markup_of
from patients.entry.table_rows import TableRows
from protocol.document.items import Form, Item
from protocol.values.parsing import Clock, Value, display, flag
from protocol.values.reference_ranges import is_laboratory

UNDECIDED, TAKEN = map(mark_safe, (" data-undecided", " data-taken"))


class FieldRenderer:
    """Renders the fields of a form with stored values, or with typed inputs if there are any.

    has_links: fields link to their queries and history.
    """

    def __init__(
        self,
        form: Form,
        *,
        values: Mapping[str, Value],
        inputs: QueryDict | None,
        context: FieldContext,
        clock: Clock,
        language: str,
        has_links: bool,
    ) -> None:
        self.form, self.values, self.inputs = form, values, inputs
        self.context, self.clock, self.language = context, clock, language
        self.markup: FormMarkup = markup_of(form, language=language, zone=clock.zone, has_links=has_links)

    def rendered(self, item: Item) -> SafeString:
        """Return the HTML of an item: its inputs, or its calculated value."""
        return self._calculated(item) if item.is_calculated else self._field(item)

    def _field(self, item: Item) -> SafeString:
        name, inputs, context = item.name, self.markup.inputs[item.name], self.context
        results = context.results.get(name, ())
        is_required = context.is_required(item)
        filled: Slots = {} if is_required else {"required": HIDDEN}
        filled |= self._state(name, results)
        if item.type == "rows":
            parts, slots = self._table(item)
        else:
            parts = self._parts(item)
            filled |= self._known(name, inputs, parts)
            slots = self._inputs(item, inputs, parts, results, needed=is_required and not inputs.is_group)
            if name in context.units:
                slots["usual_unit"] = context.units[name]
        filled |= self._offers(item)
        if item.missing:
            slots |= missing_slots(parts, item)
        return self.markup.of(name).fill(filled | slots)

    def _state(self, name: str, results: Iterable[Result]) -> Slots:
        """Return the slots of an item's state: hidden, undecided, taken from the stored values, messages."""
        context = self.context
        found: Slots = {"results": sentences_html(results)} if results else {}
        state = [
            *([HIDDEN] if name in context.hidden else []),
            *([UNDECIDED] if name in context.undecided else []),
            *([TAKEN] if name in context.stored_chosen else []),
        ]
        return found | ({"state": mark_safe("".join(state))} if state else {})  # noqa: S308 - constants

    def _known(self, name: str, inputs: ItemInputs, parts: Parts) -> Slots:
        """Return the slot of the offered value; nothing is offered beside an answer."""
        known = self.context.known.get(name)
        if known is None or parts.get("") or parts.get("missing"):
            return {}
        offer = {
            "name": name,
            "known": known,
            "first_id": f"id_{name}{inputs.first_suffix}",
            "controls": CONTROLS,
        }
        return {"known": render_to_string("capture/known.html", offer)}

    def _offers(self, item: Item) -> Slots:
        """Return the slots of confirmation, open queries and reference range."""
        name, context, found = item.name, self.context, Slots()
        # The age may disagree with the date of birth without a limit: its query is answered, not confirmed here.
        if name in context.soft and self.markup.can_be_soft(item):
            found["confirm"] = ""
        if self.inputs is not None and self.markup.can_be_soft(item):
            found["confirmation"] = self.inputs.get(f"{name}-confirm", "")
        if self.markup.has_links and context.queries.get(name):
            label = item.label.in_language(self.language)
            link = {"name": name, "label": label, "counter": context.queries[name]}
            found["queries"] = render_to_string("capture/open_queries.html", link)
        if name in context.readings and is_laboratory(self.form, item):
            found["reference"] = self.reference(item)
        return found

    def _parts(self, item: Item) -> Parts:
        if self.inputs is not None:
            return typed_parts(self.inputs, item.name, several=item.type == "choices")
        parts = stored_parts(self.values.get(item.name), item, self.language)
        if not parts and item.name in self.context.units:
            parts["unit"] = self.context.units[item.name]
        return parts

    def _inputs(
        self, item: Item, inputs: ItemInputs, parts: Parts, results: Iterable[Result], *, needed: bool
    ) -> Slots:
        marks: Slots = dict(INVALID_SLOTS) if any(each.blocks for each in results) else {}
        if needed:
            marks["needed"] = NEEDED
        if item.type == "file":
            context = self.markup.field_context(item.name)
            return {"attached": inputs.attached(parts.get("") or "", {**context, **marks})}
        return inputs.slots(parts, item.name, self.clock) | (marks if inputs.takes_marks else {})

    def _table(self, item: Item) -> tuple[Parts, Slots]:
        rows = TableRows(
            item,
            self.markup.table(item.name),
            stored=self.values.get(item.name),
            inputs=self.inputs,
            clock=self.clock,
            language=self.language,
            results=self.context.results,
            grows=self.context.more_rows == item.name,
        )
        return rows.parts, rows.slots()

    def _calculated(self, item: Item) -> SafeString:
        filled = self._state(item.name, self.context.results.get(item.name, ()))
        if inputs := self.context.score_inputs.get(item.name, ()):
            filled["inputs"] = inputs_html(inputs)
        return self.markup.of(item.name).fill(filled | {"value": self.value(item)})

    def live(self) -> SafeString:
        """Return the answer to a check of typed values: the texts at the fields, each of which replaces its own."""
        found: Slots = {}
        for item in self.form.items:
            if results := self.context.results.get(item.name, ()):
                found[f"results:{item.name}"] = sentences_html(results)
            if item.is_calculated:
                found[f"value:{item.name}"] = self.value(item)
            elif item.name in self.context.readings and is_laboratory(self.form, item):
                found[f"reference:{item.name}"] = self.reference(item)
        return self.markup.live.fill(found)

    def reference(self, item: Item) -> SafeString:
        """Return the reference range of an item and the position of its value; empty if there is none."""
        reading = self.context.readings.get(item.name)
        words, side = reference_words(reading, item, self.language), side_words(reading)
        tag = format_html(' <span class="tag tone-draft">{}</span>', side) if side else ""
        return format_html("{}{}", words, tag)

    def value(self, item: Item) -> SafeString:
        """Return a calculated value with its flag and reference range, or what it still needs."""
        value, reading = self.context.calculated.get(item.name), self.context.readings.get(item.name)
        lacking = self.context.missing_inputs.get(item.name)
        if words := display(value, item, self.language, _):
            side = reading.flag if reading else flag(value, item)
            range_words = reference_words(reading, item, self.language)
            hint = format_html(' <span class="hint">{}</span>', range_words) if range_words else ""
            return markup("capture/value.html", flag=side or "").fill({"words": words, "reference": hint})
        if lacking is None:
            return markup("capture/no_value.html", why="").fill({})
        if not lacking.paths:
            return markup("capture/no_value.html", why="unfit").fill({})
        needs = lacking.in_language(self.language)
        return markup("capture/no_value.html", why="lacking").fill({"lacking": needs})


def inputs_html(sentences: Sequence[str]) -> SafeString:
    """Return the values that a calculated item is made from, as HTML."""
    lines = format_html_join("", "<li>{}</li>", ((sentence,) for sentence in sentences))
    return format_html('<ul class="score-inputs">{}</ul>', lines) if sentences else SafeString("")


def missing_slots(parts: Parts, item: Item) -> Slots:
    """Return the slots of the missing code and its reason."""
    found: Slots = {"reason": parts["reason"]} if parts.get("reason") else {}
    code = parts.get("missing")
    if code:
        found["missing_open"] = OPEN
    return found | ({f"missing:{code}": SELECTED} if code in item.missing else {})
