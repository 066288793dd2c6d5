"""No two landmarks of a page have one name (WCAG 2.2 AA, axe: landmark-unique)."""

import re

import pytest

from tests.support.build import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
REGION = re.compile(r'role="region" aria-labelledby="([\w-]+)"')
SECTION = re.compile(r'<section(?![^>]*role="alert")[^>]* aria-labelledby="([\w-]+)"')


def test_the_templates_have_regions_that_scroll():
    """Otherwise the test below would hold nothing."""
    assert sum(bool(REGION.search(path.read_text("utf-8"))) for path in TEMPLATES) > 10


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_a_section_does_not_take_the_name_of_the_region_that_scrolls_inside_it(path):
    text = path.read_text("utf-8")
    assert set(REGION.findall(text)).isdisjoint(SECTION.findall(text))


CRISPY = re.compile(r"{% crispy (\w+)")
SUMMARY = re.compile(r'{% include "components/error_summary\.html"(?: with form=(\w+))? %}')


def test_a_form_that_shows_its_own_mistakes_has_them_once():
    """Seen on seven pages: `{% crispy form %}` writes the summary, and the page wrote it before."""
    branches = {
        (path.name, number): branch
        for path in TEMPLATES
        for number, branch in enumerate(path.read_text("utf-8").split("{% else %}"))
    }
    twice = {
        key
        for key, branch in branches.items()
        if {name or "form" for name in SUMMARY.findall(branch)} & set(CRISPY.findall(branch))
    }
    assert twice == set()
