"""The words that a protocol file may not use as codes are those of the addresses beside them."""

import re

from protocol.checking.design import FORM_PAGES, VERSION_PAGES, VISIT_PAGES
from tests.trials.test_access_matrix import ALL

ROUTES = [str(pattern.pattern) for _name, pattern, inside in ALL if inside]


def beside(place: str) -> set[str]:
    """Return the words that some address has where another has a part of its own."""
    found = {match[1] for route in ROUTES if (match := re.match(rf"{place}([a-z-]+)/$", route))}
    return {word for word in found if word}


def test_no_form_visit_or_version_has_the_address_of_another_page() -> None:
    """A form of the code `hold` would open the page that holds the visit."""
    assert beside("patients/<str:code>/visits/<str:visit>/") == FORM_PAGES
    assert beside("patients/<str:code>/visits/") == VISIT_PAGES
    assert beside("protocol/<str:[a-z]+>/") == VERSION_PAGES
