"""Pages of the protocol: its versions, the differences between two, and moving patients to another version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.system_texts import actor_words
from patients.casebook.item_history import moment_words
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Patient
from patients.participation.forms import StepForm
from patients.participation.protocol_amendments.amendment_impact import Impact, on_versions
from patients.participation.protocol_amendments.amendments import (
    AT_ONCE,
    PatientMove,
    chain_of,
    move,
    preview,
)
from patients.participation.protocol_amendments.version_withdrawal import (
    withdraw_version,
    withdrawal_refusal,
)
from patients.participation.visits import OPEN_STATES
from protocol.document.document import Protocol
from protocol.document.people import Contact
from trials.access import TrialRequest, trial_page
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_day
from trials.versions.version_differences import in_sections

CONTACTS = {
    "sponsor": _("Sponsor"),
    "sponsor_safety": _("Drug safety of the sponsor"),
    "principal_investigator": _("Principal investigator"),
    "monitor": _("Monitor"),
    "data_monitoring_board": _("Data monitoring board"),
    "ethics_committee": _("Ethics committee"),
}


@dataclass(frozen=True)
class VersionLine:
    """One protocol version with who loaded it and the patients on it; `before` is the version it replaces."""

    version: ProtocolVersion
    before: ProtocolVersion | None
    effective: str
    in_force: bool
    to_come: bool
    loaded: str
    loaded_by: str
    patients: Sequence[Patient]
    may_be_withdrawn: bool = False
    withdrawn: str = ""
    approved: str = ""
    may_be_approved: bool = False

    @property
    def taking_part(self) -> int:
        """Return how many of its patients are in screening or follow-up."""
        return sum(patient.state in OPEN_STATES for patient in self.patients)

    @property
    def summary(self) -> str:
        """Return the summary of the amendment in the protocol file, or an empty text."""
        amendment = self.version.rules.amendment
        return amendment.summary.in_language(reader_language()) if amendment else ""


def version_of(request: TrialRequest, name: str) -> ProtocolVersion:
    """Return a version of this trial by its name. Raises Http404."""
    version = next((each for each in chain_of(request.trial) if each.version == name), None)
    if version is None:
        raise Http404
    version.trial = request.trial
    return version


@trial_page(see=P.SEE_TRIAL)
def versions(request: TrialRequest) -> HttpResponse:
    """List the versions of the protocol, the newest first."""
    return render(request, "patients/protocol.html", {
        "lines": lines(request),
        "may_move": request.access.may(P.APPLY_AMENDMENT),
        "contacts": contacts_of(request.trial.rules),
    })  # fmt: skip


def contacts_of(rules: Protocol) -> list[tuple[Any, Contact]]:
    """Return whom notices reach, each with what it is called."""
    contacts = rules.trial.contacts
    return [(CONTACTS[name], contact) for name, contact in contacts.named] if contacts else []


def lines(request: TrialRequest) -> list[VersionLine]:
    """Return a line for every version, newest first, then the withdrawn ones. Four queries."""
    chain = with_approvers(chain_of(request.trial))
    today = request.trial.today
    on = on_versions(request.user, chain)
    history = ProtocolVersion.history.filter(trial_id=request.trial.pk).order_by("-history_id")
    # The last of a version's rows is the oldest one: a withdrawal is a later row of another person.
    loaded = dict(history.values_list("id", "history_full_name"))
    current = max(
        (version for version in chain if version.effective_from <= today and version.may_be_in_force),
        key=chain.index,
        default=None,
    )
    return [
        VersionLine(
            version=version,
            before=chain[number - 1] if number else None,
            effective=shown_day(version.effective_from),
            in_force=version is current,
            to_come=version.effective_from > today,
            loaded=moment_words(version.loaded_at, str(request.trial.zone)),
            loaded_by=actor_words(loaded.get(version.pk, "")),
            patients=on[version.pk],
            may_be_withdrawn=version is chain[-1] and not on[version.pk],
            approved=_approved(request, version),
            may_be_approved=version.approved_at is None and request.access.may(P.APPROVE),
        )
        for number, version in reversed(list(enumerate(chain)))
    ] + [_withdrawn(version, loaded, str(request.trial.zone)) for version in withdrawn_of(request)]


def with_approvers(chain: list[ProtocolVersion]) -> list[ProtocolVersion]:
    """Return the versions with those who approved them. One query if any is approved."""
    people = User.objects.in_bulk({each.approved_by_id for each in chain if each.approved_by_id})
    for version in chain:
        if version.approved_by_id in people:
            version.approved_by = people[version.approved_by_id]
    return chain


def withdrawn_of(request: TrialRequest) -> Sequence[ProtocolVersion]:
    """Return the withdrawn versions, the last withdrawn first."""
    rows = ProtocolVersion.with_withdrawn.filter(trial=request.trial, withdrawn_at__isnull=False)
    return list(rows.order_by("-withdrawn_at", "-pk"))


def _withdrawn(version: ProtocolVersion, loaded: Mapping[int, str], zone: str) -> VersionLine:
    return VersionLine(
        version=version,
        before=None,
        effective=shown_day(version.effective_from),
        in_force=False,
        to_come=False,
        loaded=moment_words(version.loaded_at, zone),
        loaded_by=actor_words(loaded.get(version.pk, "")),
        patients=(),
        withdrawn=moment_words(version.withdrawn_at, zone),
    )


def _approved(request: TrialRequest, version: ProtocolVersion) -> str:
    """Return who approved a version and when, or an empty text."""
    if version.approved_at is None or version.approved_by is None:
        return ""
    return f"{version.approved_by.full_name}, {moment_words(version.approved_at, str(request.trial.zone))}"


@trial_page(see=P.SEE_TRIAL)
def compared(request: TrialRequest, old: str, new: str) -> HttpResponse:
    """Show the differences between two versions and their effect on the patients."""
    before, after = version_of(request, old), version_of(request, new)
    chain = [version.pk for version in chain_of(request.trial)]
    if chain.index(before.pk) >= chain.index(after.pk):
        raise Http404
    impact = Impact(request.user, before, after)
    amendment = after.rules.amendment
    return render(request, "patients/protocol_difference.html", {
        "before": before,
        "after": after,
        "summary": amendment.summary.in_language(reader_language()) if amendment else "",
        "approval": after.rules.approval,
        "parts": in_sections(impact.changes),
        "impact": impact,
        "most": AT_ONCE,
        "may_move": request.access.may(P.APPLY_AMENDMENT),
    })  # fmt: skip


class MoveForm(StepForm):
    """The reason for moving the patients, who are ticked beside it."""

    also_kept = ("patient",)

    reason = forms.CharField(
        label=_("Reason for the move"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Kept in the audit trail of each patient, with your name."),
    )


@trial_page(see=P.APPLY_AMENDMENT, change=P.APPLY_AMENDMENT)
def move_patients(request: TrialRequest, new: str) -> HttpResponse:
    """Show the effect of the move on each patient; move the ticked ones."""
    to = version_of(request, new)
    typed = PageDraft(request, None)
    form = MoveForm(typed.sent, trial=request.trial)
    if (kept := typed.answer(form)) is not None:
        return kept
    posted = request.method == "POST"
    chosen = ticked_patients(request)
    if posted and form.is_valid() and run_move(request, form, to, chosen):
        return finished(typed, reverse("patients:protocol", args=[request.trial.slug]))
    if posted:
        typed.keep(form)
    typed.show(form)
    codes = {text.rpartition(":")[0] for text in typed.also_typed("patient")}
    rows = candidates(request, to)
    context = {
        "form": form,
        "to": to,
        "moving": [each for each in rows if not each.refusal],
        "refused": [each for each in rows if each.refusal],
        "ticked": {patient.code for patient in chosen} | codes,
        "most": AT_ONCE,
    }
    return render(request, "patients/protocol_move.html", context, status=422 if posted else 200)


def candidates(request: TrialRequest, to: ProtocolVersion) -> list[PatientMove]:
    """Return the effect of a move on each patient in screening or follow-up who is on another version."""
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial, state__in=OPEN_STATES)
    return preview(list(rows.exclude(protocol=to.pk).order_by("number")[:AT_ONCE]), to)


def ticked_patients(request: TrialRequest) -> list[Patient]:
    """Return the ticked patients, each with the version that the page showed. Raises BadRequest for other input.

    The version makes it possible to refuse a patient whom somebody else moved since.
    """
    seen = {}
    for text in request.POST.getlist("patient"):
        code, _colon, version = text.rpartition(":")
        if not (code and version.isascii() and version.isdigit() and len(version) < 19):
            raise BadRequest(gettext("The form was altered in transit. Open it again."))
        seen[code] = int(version)
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial, code__in=seen)
    found: list[Any] = list(rows.order_by("number"))
    if len(found) != len(seen):
        raise BadRequest(gettext("The form was altered in transit. Open it again."))
    for patient in found:
        patient.protocol_id = seen[patient.code]
    return found


def run_move(request: TrialRequest, form: MoveForm, to: ProtocolVersion, chosen: Sequence[Patient]) -> bool:
    """Move the patients. Return False, with the errors on the form, if the move was refused."""
    done = form.run(move, patients=chosen, to=to, reason=form.cleaned_data["reason"], by=request.user)
    if done:
        number = len(form.result)
        message = ngettext(
            "%(number)s patient is on version %(version)s now.",
            "%(number)s patients are on version %(version)s now.",
            number,
        )
        messages.success(request, message % {"number": number, "version": to.version})
    return done


class WithdrawForm(StepForm):
    """The reason for withdrawing a version."""

    reason = forms.CharField(
        label=_("Reason for the withdrawal"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Kept in the audit trail and shown beside the version."),
    )


@trial_page(see=P.APPLY_AMENDMENT, change=P.APPLY_AMENDMENT)
def withdraw(request: TrialRequest, name: str) -> HttpResponse:
    """Withdraw a version that no patient is on, with a reason."""
    version = version_of(request, name)
    typed, posted = PageDraft(request, None), request.method == "POST"
    form = WithdrawForm(typed.sent, trial=request.trial)
    if (kept := typed.answer(form)) is not None:
        return kept
    if posted and form.is_valid():
        reason = form.cleaned_data["reason"]
        if form.run(withdraw_version, version=version, reason=reason, by=request.user):
            messages.success(request, gettext("Version %(version)s is withdrawn.") % {"version": name})
            return finished(typed, reverse("patients:protocol", args=[request.trial.slug]))
    if posted:
        typed.keep(form)
    typed.show(form)
    refusal = "" if posted else withdrawal_refusal(version, chain_of(request.trial))
    context = {"form": form, "version": version, "refusal": refusal}
    return render(request, "patients/protocol_withdraw.html", context, status=422 if posted else 200)
