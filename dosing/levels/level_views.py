"""The page of the dose levels: which is in force, who is at it, and the places that were opened."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from dosing.levels.escalation import escalation, open_level, opening_refusal
from dosing.models import LevelOpening
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.people.forms import password_field
from trials.people.steps import posted, zone
from trials.permissions import Permission as P
from trials.reader import reader_language


class OpenLevelForm(VerbForm):
    """The level at which places are opened, the reason, and the password that signs it."""

    level = forms.ChoiceField(label=gettext_lazy("Dose level"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("On which observations the decision rests, and who took part in it."),
    )
    password = password_field()


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TRIAL, change=P.SIGN)
def levels(request: TrialRequest) -> HttpResponse:
    """Show the dose levels; open places with a signature."""
    trial, dosing = request.trial, request.trial.rules.dosing
    form = OpenLevelForm(posted(request), zone=zone(request))
    titles = (
        {each.code: each.title.in_language(reader_language()) for each in dosing.levels} if dosing else {}
    )
    form.fields["level"].choices = list(titles.items())  # type: ignore[attr-defined]
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(open_level, trial=trial, by=request.user, **form.cleaned_data)
    ):
        messages.success(request, _("The places are opened."))
        return redirect("dosing:levels", slug=trial.slug)
    rows = LevelOpening.objects.filter(trial=trial).select_related("opened_by").order_by("-pk")
    refusal = opening_refusal(trial)
    context = {
        "now": escalation(trial),
        "titles": titles,
        "openings": [(row, titles.get(row.level, row.level)) for row in rows],
        "refusal": refusal,
        "form": form if request.access.may(P.SIGN) and titles and not (refusal and not form.errors) else None,
    }
    return render(request, "dosing/levels.html", context, status=422 if request.method == "POST" else 200)
