"""A filled-in URL equals the one that Django reverses, for every route of a trial."""

import uuid

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from accounts.addresses import address, address_below
from tests.support.pages.access_matrix import TRIAL_PAGES, sample
from tests.support.pages.addresses import routes


@pytest.mark.django_db
def test_every_route_of_a_trial_is_filled_in_as_django_reverses_it(trial, patient):
    values = sample(trial, patient)
    found = {name: parts for name, parts in routes(get_resolver()) if name in TRIAL_PAGES}
    assert found.keys() == TRIAL_PAGES.keys()
    for name, parts in found.items():
        if "document" not in parts:  # an identifier of 32 digits is asked of `reverse` itself
            filled = [values[part] for part in parts]
            assert address(name, *filled) == reverse(name, args=filled)


@given(code=st.text(st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_code_of_any_letters_is_quoted_as_django_quotes_it(code):
    assert address("patients:visit", "x-1", code, "D1") == reverse("patients:visit", args=["x-1", code, "D1"])


def test_a_route_that_nobody_declared_is_an_error():
    with pytest.raises(NoReverseMatch):
        address("patients:nowhere", "x-1")


@pytest.mark.django_db
def test_a_template_writes_the_addresses_that_django_reverses(trial, patient):
    for name, args in (
        ("patients:visit", [trial.slug, "A&B '1'", "D1"]),
        ("patients:log", [trial.slug, patient.code, "stay", 2]),
        ("documents:file", [trial.slug, uuid.UUID(int=7)]),
    ):
        places = " ".join(f"part{number}" for number in range(len(args)))
        context = Context({f"part{number}": part for number, part in enumerate(args)})
        assert Template(f"{{% url '{name}' {places} %}}").render(context) == escape(reverse(name, args=args))


def test_a_template_with_a_route_that_nobody_declared_is_an_error():
    with pytest.raises(NoReverseMatch):
        Template("{% url 'patients:nowhere' 'x-1' %}").render(Context())


def test_the_addresses_of_a_row_are_those_of_its_cells():
    visit = address_below("patients:visit", "x-1", "LIE 001", more=1)
    assert [visit(code) for code in ("D1", "D2")] == [
        address("patients:visit", "x-1", "LIE 001", code) for code in ("D1", "D2")
    ]
