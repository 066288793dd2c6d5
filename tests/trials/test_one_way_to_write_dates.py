"""No page writes a date in its own way: dates and moments pass through `protocol.values.writing`, everywhere."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from django.template import Context, Template, base
from django.urls import reverse

from protocol.values.moments import parse_moment
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES, sample
from tests.support.study import cohort, reference_ranges
from tests.support.translation.readers import LANGUAGES, reader, three_languages  # noqa: F401
from trials.roles import ROLES

ROOT = build.ROOT
ROOMS = (
    "protocol", "audit", "accounts", "trials", "patients", "dosing", "safety", "outcomes", "reports", "exports",
    "config", "demo",
)  # fmt: skip
OWN_WAYS_OF_TEMPLATES = re.compile(
    r"\|(date|time|timesince|timeuntil|timezone|localtime|utc|naturalday|naturaltime|floatformat|localize"
    r"|unlocalize|slice)\b|\{% now\b"
)
OWN_WAYS_OF_CODE = re.compile(
    r"date_format\(|time_format\(|number_format\(|%[bBaA]\b|forms\.(Split)?Date|forms\.Time|DateInput"
)
WRITTEN_DAY = re.compile(r"\b(?:\d\d|UNK)-[^\W\d_]{3,5}-\d{4}\b")
# The statement of a signature stays in the language in which its signer was shown it.
SIGNED = re.compile(r'<(span|p)[^>]* lang="en"[^>]*>.*?</\1>', re.DOTALL)
ENGLISH_MONTH = re.compile(r"\b\d\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4}\b")
DRAWN_AT = re.compile(r'\b(?:x|y|x1|x2|y1|y2|cx|cy|r|d|width|height|points|viewBox|transform)="([^"]*)"')


def found(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_template_writes_a_date_or_a_number_by_itself():
    templates = sorted((ROOT / "templates").rglob("*.html")) + sorted((ROOT / "templates").rglob("*.txt"))
    assert len(templates) > 100
    assert found(OWN_WAYS_OF_TEMPLATES, templates) == []


def test_no_module_writes_the_name_of_a_month_by_itself():
    modules = [
        path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts
    ]
    assert len(modules) > 300
    assert found(OWN_WAYS_OF_CODE, modules) == []


def test_a_line_that_writes_a_date_by_itself_would_be_found():
    assert OWN_WAYS_OF_TEMPLATES.search('{{ day|date:"d-M-Y" }}')
    assert OWN_WAYS_OF_TEMPLATES.search('{{ visit.when|slice:":6" }}')
    assert OWN_WAYS_OF_CODE.search('day.strftime("%d-%b-%Y")')


@pytest.mark.parametrize("value", [date(2025, 10, 9), Decimal("70.50")])
def test_a_page_that_shows_a_bare_value_would_be_found(value, no_bare_values):
    with pytest.raises(AssertionError, match="unwritten"):
        Template("{{ value }}").render(Context({"value": value}))


@pytest.fixture
def no_bare_values(monkeypatch):
    """A date or a decimal that reaches a template unwritten fails: Django would format it its own way."""
    written = base.localize

    def only_words(value, use_l10n=None):
        assert not isinstance(value, date | datetime | time | Decimal | float), f"unwritten: {value!r}"
        return written(value, use_l10n)

    monkeypatch.setattr(base, "localize", only_words)


@pytest.fixture
def filled(db):
    """The masked trial with patients in every state that a page draws."""
    trial = build.trial(build.COVID_MSV)
    patient = build.enrolled(trial=trial)
    build.event(patient=patient)
    cohort.patients(trial, 3)
    reference_ranges.given(reference_ranges.central(trial))
    return trial, sample(trial, patient)


def opener(needed) -> str:
    """Return the first role that may open a page."""
    return next(code for code, role in sorted(ROLES.items()) if needed is None or needed in role.permissions)


def pages(trial, kwargs, language):
    """Yield name and HTML of every page that opens, as the first role that may see it."""
    clients = {}
    for name, (see, _change) in sorted(TRIAL_PAGES.items()):
        role = opener(see)
        if role not in clients:
            clients[role] = build.client(reader(role, language, trial))
        wanted = {**kwargs.get(name, kwargs)}
        response = clients[role].get(address(name, wanted))
        if response.status_code == 200 and "html" in response["Content-Type"]:
            yield name, response.content.decode()


def address(name: str, kwargs: dict) -> str:
    from tests.trials.test_access_matrix import ALL

    pattern = next(pattern for each, pattern, _inside in ALL if each == name)
    return reverse(
        name, kwargs={"slug": kwargs["slug"], **{key: kwargs[key] for key in pattern.pattern.converters}}
    )


@pytest.mark.one_engine
@pytest.mark.usefixtures("three_languages", "no_bare_values")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_writes_dates_that_its_fields_accept_in_the_readers_language(filled, language):
    """DAT-05, DAT-10: no page shows a date or a decimal in a second form, nor in another language."""
    trial, kwargs = filled
    opened, days = [], set()
    for name, content in pages(trial, kwargs, language):
        opened.append(name)
        days |= set(WRITTEN_DAY.findall(content))
        if language != "en":
            assert ENGLISH_MONTH.findall(SIGNED.sub("", content)) == [], name
    assert len(opened) > 40
    assert len(days) > 10
    for day in days:
        parse_moment(day, "Europe/Madrid")


def drawn(trial, kwargs, name: str, language: str) -> list[str]:
    browser = build.client(reader("investigator", language, trial))
    return DRAWN_AT.findall(browser.get(address(name, kwargs)).content.decode())


@pytest.mark.usefixtures("three_languages")
def test_figures_are_drawn_at_the_same_places_for_every_reader(filled):
    english = drawn(*filled, "reports:home", "en")
    assert len(english) > 100
    assert drawn(*filled, "reports:home", "fr") == drawn(*filled, "reports:home", "es") == english


@pytest.mark.usefixtures("three_languages")
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_coordinate_has_a_decimal_comma(filled, language):
    """A comma would break the drawing: the titles of the lanes may wrap, the numbers stay numbers."""
    places = drawn(*filled, "reports:casebook", language)
    assert any("." in place for place in places)
    assert [place for place in places if "," in place] == []
