"""HTML that is rendered once and filled for each page: nothing is lost, nothing unsafe gets in."""

import pytest
from django.template import Context, Template
from django.utils import translation

from accounts.markup import Markup, markup

FIELD = Template(
    '{% load slots %}<p id="{{ name }}"{% slot "state" %}>{% slot "value" %}{% for code in codes %}'
    '<i{% slot "option" code %}>{{ code }}</i>{% endfor %}{% slotted "link" %}<a>{{ name }}</a>{% endslotted %}</p>'
)


def field(name: str = "x") -> Markup:
    return Markup(FIELD.render(Context({"name": name, "codes": ["Y", "[iU]/mL"]})))


def test_a_slot_that_is_not_filled_is_empty_or_shows_its_own_html():
    assert field().fill({}) == '<p id="x"><i>Y</i><i>[iU]/mL</i><a>x</a></p>'


def test_each_page_fills_the_same_html_with_its_own_values():
    made = field()
    filled = made.fill({"value": "1", "option:[iU]/mL": " b", "link": ""})
    assert filled == '<p id="x">1<i>Y</i><i b>[iU]/mL</i></p>'
    assert made.fill({"value": "2"}) == '<p id="x">2<i>Y</i><i>[iU]/mL</i><a>x</a></p>'


def test_a_value_is_escaped_and_cannot_fill_another_slot():
    filled = field().fill({"value": '<b title="x">'})
    assert filled.startswith('<p id="x">&lt;b title=&quot;x&quot;&gt;<i>')


def test_the_constant_part_is_escaped_as_in_any_template():
    assert field('"><b>').fill({}).startswith('<p id="&quot;&gt;&lt;b&gt;">')


def test_a_misspelt_slot_is_an_error_so_that_no_value_is_lost():
    with pytest.raises(KeyError, match="valeu"):
        field().fill({"valeu": "1"})


def test_a_template_is_rendered_once_for_each_language():
    english = markup("capture/sentence.html", tone="notice")
    assert markup("capture/sentence.html", tone="notice") is english
    with translation.override("fr"):
        assert markup("capture/sentence.html", tone="notice") is not english
