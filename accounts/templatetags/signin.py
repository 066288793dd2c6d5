"""Template tags for data forms and the session timer."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.sessions import kept_forms, session_limits

register = template.Library()


@register.simple_tag(takes_context=True)
def form_owner(context: dict[str, Any], page: str = "") -> SafeString:
    """Return the hidden fields by which a data form survives the end of the session.

    page: the path of the page that shows the form, if the form is sent to an address that cannot be opened.
    """
    request = context["request"]
    owner = format_html(
        '<input type="hidden" name="{}" value="{}">',
        kept_forms.OWNER_FIELD,
        kept_forms.owner_value(request.user, page),
    )
    token = request.GET.get(kept_forms.KEPT_FIELD) or request.POST.get(kept_forms.KEPT_FIELD)
    if not token:
        return owner
    return owner + format_html('<input type="hidden" name="{}" value="{}">', kept_forms.KEPT_FIELD, token)


@register.simple_tag(takes_context=True)
def session_seconds(context: dict[str, Any]) -> int:
    """Return the seconds until this session ends without further requests."""
    return session_limits.seconds_left(context["request"].session)
