"""A warning after free text was stored that seems to hold a national or telephone number (PRV-02); no refusal."""

from collections.abc import Callable, Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from protocol.values.personal_numbers import PersonalNumber, personal_numbers

WORDS: dict[PersonalNumber, Promise] = {
    PersonalNumber.NISS: gettext_lazy("a Belgian national number"),
    PersonalNumber.DNI: gettext_lazy("a Spanish DNI or NIE"),
    PersonalNumber.TELEPHONE: gettext_lazy("a telephone number"),
}
# Where identities and accounts are kept; a search stores nothing.
MEANT_FOR_PEOPLE = (
    "accounts:",
    "training:",
    "patients:screen",
    "patients:screen-correct",
    "patients:identity",
)
NEVER_TEXT = frozenset({"csrfmiddlewaretoken", "form_owner", "password"})
LONGEST = 20_000


class NumberWarningsMiddleware:
    """Warns on the next page if a stored text of a trial seems to hold the number of a person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # A redirect follows what was stored; any other answer shows the form again.
        if request.method == "POST" and response.status_code == 302 and _is_about_patients(request):
            found = {kind for text in _texts(request) for kind in personal_numbers(text)}
            if found:
                _warn(request, [str(WORDS[kind]) for kind in PersonalNumber if kind in found])
        return response


def _is_about_patients(request: HttpRequest) -> bool:
    name = request.resolver_match.view_name if request.resolver_match else ""
    return hasattr(request, "access") and not name.startswith(MEANT_FOR_PEOPLE)


def _texts(request: HttpRequest) -> Iterator[str]:
    for name, values in request.POST.lists():
        if name in NEVER_TEXT or "password" in name:
            continue
        # A number alone is a measured value or a key, unless somebody wrote it as one writes to telephone.
        yield from (text[:LONGEST] for text in values if not text.isdigit() or text.startswith("0"))


def _warn(request: HttpRequest, kinds: list[str]) -> None:
    told = _(
        "What was saved seems to hold %(kinds)s. If it belongs to a person, take it out; what was saved before can be"
        " masked by two persons, from its entry of the audit trail."
    )
    messages.warning(request, told % {"kinds": ", ".join(kinds)})
