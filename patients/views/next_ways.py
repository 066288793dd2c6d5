"""A message after a step, with links to what there is to do next."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join


def say(request: HttpRequest, words: str, *ways: tuple[str, str]) -> None:
    """Add a message of success with links. ways: (text of the link, address)."""
    links = format_html_join(" · ", '<a href="{}">{}</a>', ((url, text) for text, url in ways))
    messages.success(request, format_html("{} {}", words, links) if ways else words)
