"""Training documents to confirm with the password; who has confirmed which."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from trials.access import TrialRequest, trial_page
from trials.people.forms import ConfirmTrainingForm
from trials.people.steps import page, posted, zone
from trials.permissions import Permission as P
from trials.reader import reader_language
from trials.roles import ROLES
from trials.training import (
    TrainingLine,
    confirm_training,
    confirmed_of,
    documents_for,
    line_of,
    lines_for,
    roles_in_force,
)


@trial_page(see=P.SEE_TRIAL)
def own(request: TrialRequest) -> HttpResponse:
    """List what the reader's role must have read; for who reads the delegation log, also what everybody confirmed."""
    trial, sees_people = request.trial, request.access.may(P.SEE_PEOPLE)
    context = {
        "lines": lines_for(trial, request.access.role, request.user),
        "back": _back(request),
        "people": _people(request) if sees_people else [],
        "sees_people": sees_people,
    }
    return render(request, "people/training.html", context)


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def confirm(request: TrialRequest, document: str) -> HttpResponse:
    """Confirm with the password that one has read a document."""
    trial = request.trial
    line = line_of(trial, request.user, document)
    if line is None:
        raise Http404
    form = ConfirmTrainingForm(
        posted(request), zone=zone(request), initial={"version": line.document.version}
    )
    arguments = {"trial": trial, "document": document, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(confirm_training, **arguments, **form.cleaned_data)
    ):
        messages.success(request, _("Confirmed: %(title)s.") % {"title": line.title})
        back = _back(request)
        end = f"?{urlencode({'needed': back})}" if back else ""
        return redirect(f"{reverse('training:own', args=[trial.slug])}{end}")
    return page(
        request,
        form,
        title=line.title,
        action=_("I have read it"),
        back="training:own",
        text=_where(line),
    )


def _where(line: TrainingLine) -> str:
    version = _("Version %(version)s") % {"version": line.document.version}
    return f"{version} · {line.document.where}" if line.document.where else version


def _people(request: TrialRequest) -> list[dict[str, object]]:
    """Return each person with a role today, what the role asks and what the person has confirmed."""
    given = confirmed_of(request.trial)
    found = []
    for row in roles_in_force(request.trial):
        mine = {(each.document, each.version): each for each in given.get(row.user_id, [])}
        asked = documents_for(request.trial, ROLES[row.role])
        current = {(each.id, each.version) for each in asked}
        found.append(
            {
                "delegation": row,
                "lines": [
                    (
                        each.title.in_language(reader_language()),
                        each.version,
                        mine.get((each.id, each.version)),
                    )
                    for each in asked
                ],
                "earlier": [each for key, each in mine.items() if key not in current],
            }
        )
    return found


def _back(request: TrialRequest) -> str:
    """Return where the reader came from, if it is a page of this site."""
    address = request.GET.get("needed", "")
    return address if url_has_allowed_host_and_scheme(address, {request.get_host()}) else ""
