"""Input that a page keeps on the server while a person types it, for pages of rooms that do not know the drafts.

The drafts are rows of `patients`, which registers how they are kept when it starts.
"""

from collections.abc import Callable
from typing import Any, Protocol

from django import forms
from django.http import HttpResponse, QueryDict

from trials.access import TrialRequest


class KeepsInput(forms.Form):
    """A form whose input is kept on the server.

    keeps_draft: False for a form whose input is not kept. draft: what the page needs for it. also_kept: names of inputs
    that are no fields, such as ticked rows.
    """

    keeps_draft = True
    draft: Any = None
    also_kept: tuple[str, ...] = ()

    def arrange(self) -> None:
        """Set the layout again where it depends on what is typed."""


class TypedInput(Protocol):
    """The input of one person on one page (`patients.entry.form_page.page_drafts.PageDraft`)."""

    @property
    def sent(self) -> QueryDict | None:
        """Return the sent input, or the input that was kept when the session ended; None if the page is only opened."""

    def answer(self, form: KeepsInput) -> HttpResponse | None:
        """Keep or discard what was sent, if that is all that is asked; return None for any other request."""

    def keep(self, form: KeepsInput) -> Any:
        """Store what was typed."""

    def show(self, form: KeepsInput) -> None:
        """Let the form keep what is typed; one that is opened shows it."""

    def forget(self) -> None:
        """Delete what was kept."""


_makers: list[Callable[[TrialRequest], TypedInput]] = []


def register(maker: Callable[[TrialRequest], TypedInput]) -> None:
    """Set how the input of a page of the trial is kept."""
    _makers[:] = [maker]


def typed_on(request: TrialRequest) -> TypedInput:
    """Return the input of the person on this page of the trial."""
    return _makers[0](request)
