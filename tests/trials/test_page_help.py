"""Every page of a trial says in a few sentences what it is for, and leads to the report of a problem (VAL-03)."""

import re

import pytest
from django.utils.translation import override

from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES
from tests.support.pages.every_page import may_open, page_of, patient_with_pages, trial_patterns
from tests.support.pages.inspecting import plain
from trials.help_texts import HELP
from trials.roles import ROLES

# Answered with a file or a number, which has no page.
NO_PAGE = {"reports:profile", "reports:safety-review-drawing", "reports:notices-count"}
NO_PAGE |= {"reports:figure-svg", "reports:figure-png", "reports:figure-csv"}


def test_every_page_of_the_access_matrix_has_help():
    """VAL-03: a new page without help fails here."""
    readable = {name for name, (see, _change) in TRIAL_PAGES.items() if see is not None} - NO_PAGE
    assert readable - HELP.keys() == set()


def test_no_help_is_left_of_a_page_that_is_gone():
    assert HELP.keys() - TRIAL_PAGES.keys() == set()


@pytest.mark.parametrize("name", sorted(HELP))
def test_a_help_text_is_a_few_sentences(name):
    """VAL-03: short enough to be read where one stands."""
    with override("en"):
        text = str(HELP[name])
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", text)) <= 5
    assert 40 <= len(text) <= 320


# Addresses that answer a part of a page.
PARTS = {"safety:term-grades"}


@pytest.mark.long
# The words around the rows; the access matrix opens the same pages on each engine.
@pytest.mark.one_engine
@pytest.mark.django_db
@pytest.mark.usefixtures("known_day")
def test_every_page_shows_its_help_and_the_way_to_report_a_problem():
    """VAL-03: asked of each page as a role that may open it; the link names the page and no patient."""
    patient = patient_with_pages()
    clients = {role: build.client(build.user(role, trial=patient.trial)) for role in ROLES}
    wrong = []
    for name, pattern in trial_patterns().items():
        role = next((role for role in sorted(ROLES) if may_open(role, name)), None)
        assert role is not None, name
        response = clients[role].get(page_of(patient, name, pattern))
        if response.status_code != 200:
            continue
        markup = response.content.decode()
        if name in PARTS:
            continue
        if f"?page={name}" not in markup or plain(str(HELP[name])) not in plain(markup):
            wrong.append(name)
        assert patient.code not in re.search(r'<footer class="page-help.*?</footer>', markup, re.DOTALL)[0]
    assert wrong == []
