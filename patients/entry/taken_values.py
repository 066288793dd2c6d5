"""Take a value that another form holds into the page (`patients.casebook.known_values`). Only the inputs change."""

from dataclasses import replace

from django.core.exceptions import BadRequest

from patients.casebook.casebook import Casebook
from patients.casebook.known_values import known_values
from patients.entry.posted import PostedPage, not_our_page, read_page


def with_taken_value(casebook: Casebook, posted: PostedPage) -> PostedPage:
    """Return the page with the offered value of one item in its input; an input that holds a text keeps it.

    Raises BadRequest for an item that no other form answers.
    """
    known = known_values(casebook, posted.place).get(posted.target)
    if known is None:
        raise BadRequest(not_our_page())
    fresh = posted.inputs.copy()
    if not fresh.get(posted.target, "").strip():
        for part, text in known.parts.items():
            fresh[f"{posted.target}-{part}" if part else posted.target] = text
    page = read_page(posted.place, fresh)
    return replace(page, action=posted.action, target=posted.target)
