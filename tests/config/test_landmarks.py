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
