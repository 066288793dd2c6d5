"""Any form of a protocol as a crispy form: a fieldset for each group, a field for each item."""

from collections.abc import Mapping
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout, LayoutObject
from django import forms
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from patients.entry import all_no, not_done
from patients.entry.fields import ItemInputs
from patients.entry.form_page.field_context import FieldContext
from patients.entry.form_page.field_rendering import FieldRenderer
from protocol.document.items import Form, ItemGroup
from protocol.values.parsing import Clock, Value


def form_for(
    form: Form,
    *,
    values: Mapping[str, Value] | None = None,
    data: QueryDict | None = None,
    clock: Clock | None = None,
    language: str = "en",
    context: FieldContext | None = None,
) -> "CaptureForm":
    """Return the crispy form of a protocol form with the stored `values`, or with the typed inputs (`data`)."""
    return CaptureForm(
        form,
        clock=clock or Clock(),
        language=language,
        field_context=context or FieldContext(),
        data=data,
        initial=dict(values or {}),
    )


class CaptureForm(forms.Form):
    """The items of a protocol form. It only renders; `patients.entry.posted` reads what is submitted.

    The items are not Django fields: `field_rendering` fills their constant HTML.
    """

    data: QueryDict

    def __init__(
        self, form: Form, *, clock: Clock, language: str, field_context: FieldContext, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.definition, self.clock, self.language, self.field_context = form, clock, language, field_context
        self.helper = FormHelper()
        self.helper.form_tag = self.helper.include_media = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout(*(FieldGroup(group, number) for number, group in enumerate(form.groups)))

    @property
    def inputs(self) -> QueryDict | None:
        """Return the typed inputs, None if the form shows stored values."""
        return self.data if self.is_bound else None

    def field_renderer(self, *, has_links: bool) -> FieldRenderer:
        """Return the renderer of the fields. has_links: fields link to their queries and history."""
        return FieldRenderer(
            self.definition,
            values=self.initial,
            inputs=self.inputs,
            context=self.field_context,
            clock=self.clock,
            language=self.language,
            has_links=has_links,
        )


class FieldGroup(LayoutObject):
    """The fieldset of one group: inputs of its items, values of its calculated items. The title is plain text."""

    def __init__(self, group: ItemGroup, number: int) -> None:
        self.group, self.number = group, number
        self.fields: list[str] = []

    def render(
        self, form: CaptureForm, context: Any, template_pack: str = "bootstrap5", **kwargs: Any
    ) -> SafeString:
        """Render the fieldset."""
        page = context.get("page")
        renderer = form.field_renderer(has_links=page is not None and not page.listed)
        return render_to_string(
            "capture/group.html",
            {
                "title": self.group.title.in_language(form.language) if self.group.title else "",
                **group_tools(form, self.group, self.number),
                "parts": [renderer.rendered(item) for item in self.group.items],
                "page": page,
            },
        )


def group_tools(form: CaptureForm, group: ItemGroup, number: int) -> dict[str, Any]:
    """Return the context of a group's buttons: which it has, the items they marked or answered, their message."""
    return {
        "number": number,
        "can_mark": not_done.can_mark(group),
        "all_no": group.all_no,
        "grouped": all_no.grouped_in(group, form.inputs),
        "marked": not_done.marked_in(group, form.inputs),
        "said": form.field_context.group_messages.get(number, ""),
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
    return name if item.is_calculated else f"id_{name}{ItemInputs(item, language='en').first_suffix}"
