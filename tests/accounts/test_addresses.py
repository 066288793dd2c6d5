"""A filled-in URL equals the one that Django reverses, for every route of a trial."""

import pytest
from django.urls import NoReverseMatch, get_resolver, reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.addresses import address
from tests.support.addresses import routes
from tests.support.matrix import TRIAL_PAGES, sample


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
