"""The layout of a step's form like that of a captured form: labels on the left, boxes, a Now button beside moments."""

from typing import Any

from crispy_forms.layout import Div, Field, Fieldset
from django import forms

ANSWER, BOXES = "components/answer.html", "components/boxes.html"


def section(title: Any, *fields: Any) -> Fieldset:
    """Return a titled group of fields."""
    return Fieldset(title, Div(*fields, css_class="fields"), css_class="sec")


def answer(name: str, **options: Any) -> Field:
    """Return a field with its label on the left. wrapper_class: a condition of static/stroma.css, or `wide-field`."""
    return Field(name, template=ANSWER, **options)


def boxes(name: str) -> Field:
    """Return choices as boxes side by side."""
    return Field(name, template=BOXES)


def answers(form: forms.Form, **conditions: str) -> Div:
    """Return all fields of a form in this layout. conditions: by field, the condition under which it is shown."""
    fields = []
    for name, field in form.fields.items():
        options = {"wrapper_class": conditions[name]} if name in conditions else {}
        is_radio = isinstance(field.widget, forms.RadioSelect)
        fields.append(boxes(name) if is_radio else answer(name, **options))
    return Div(Div(*fields, css_class="fields"), css_class="sec")
