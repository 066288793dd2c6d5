"""The notices of a person in a trial, and their number for the bell."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reports.notices.marks import mark_read, unread_and_read
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def notices(request: TrialRequest) -> HttpResponse:
    """List what concerns the reader; a post marks one notice read, or all."""
    unread, read = unread_and_read(request.access)
    if request.method == "POST":
        keys = {each.key for each in unread} if "all" in request.POST else set(request.POST.getlist("key"))
        mark_read(notices=[*unread, *read], keys=keys, trial=request.trial, by=request.user)
        return redirect("reports:notices", request.trial.slug)
    return render(request, "reports/notices.html", {"unread": unread, "read": read})


@trial_page(see=P.SEE_TRIAL)
def count(request: TrialRequest) -> HttpResponse:
    """Return the number of unread notices, and the label of the bell with it, as JSON."""
    number = len(unread_and_read(request.access)[0])
    text = ngettext("%(number)s new notice", "%(number)s new notices", number) % {"number": number}
    return JsonResponse({"number": number, "text": text if number else _("No new notices")})
