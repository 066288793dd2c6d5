"""A form that is sent after its session ended, and as it is shown after signing in again."""

from urllib.parse import parse_qs, urljoin, urlsplit

from django.test import Client

from tests.support.pages.html_forms import PageForm, forms


def sent_after_session_end(
    browser: Client, address: str, *, to: str, holding: str = "", **typed: str | list[str]
) -> PageForm:
    """Send the form of the page at `address` that goes to `to` without a session; return it as it is shown again.

    browser: signed in again. holding: a value of the form, where several go to the same address. Raises StopIteration
    if the page has no such form, before or afterwards.
    """
    answer = Client().post(to, _found(browser, address, to, holding).sent(**typed))
    (back,) = parse_qs(urlsplit(answer.url).query)["next"]
    return _found(browser, back, to, holding)


def _found(browser: Client, address: str, to: str, holding: str) -> PageForm:
    path, page = urlsplit(address).path, browser.get(address).content.decode()
    return next(
        form
        for form in forms(page)
        if urljoin(path, form.attributes.get("action", "")) == to
        and (not holding or [holding] in form.fields.values())
    )
