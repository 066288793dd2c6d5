"""Forms of drug safety for the authority: answers, terms, the next report, the acknowledgement."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.participation.forms import StepForm
from safety.authority.answering import MOST_BYTES
from safety.authority.completing import LONGEST, CaseAnswers
from safety.authority.stored import AuthorityCase, AuthorityReport, CaseTerm
from safety.dictionaries.forms import term_label
from safety.dictionaries.models import DictionaryTerm

NOT_ANSWERED = ("", _("Not answered"))


class CaseAnswersForm(StepForm):
    """The answers that no other page has."""

    def __init__(self, *args: Any, case: AuthorityCase, **kwargs: Any) -> None:
        self.case = case
        kwargs.setdefault("initial", {name: getattr(case, name) for name in CaseAnswers.__annotations__})
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        self.fields["expedited"] = forms.ChoiceField(
            label=_("Does the authority have to be told within 7 or 15 days?"),
            choices=[NOT_ANSWERED, *AuthorityCase.Answer.choices],
            required=False,
            help_text=_("C.1.7. A SUSAR: yes."),
        )
        self.fields["history_text"] = _text(
            "history_text",
            _("Text on the medical history"),
            _("D.7.2. Write “None” if there is none. No names."),
        )
        self.fields["autopsy"] = forms.ChoiceField(
            label=_("Autopsy done"),
            choices=[NOT_ANSWERED, *AuthorityCase.Autopsy.choices],
            required=False,
            help_text=_("D.9.3. Only if the patient died."),
        )
        self.fields["sender_comment"] = _text(
            "sender_comment",
            _("Comment of the sender"),
            _("H.4. The sponsor's own judgement. No treatment arm."),
        )
        self.fields["sender"] = _line(
            "sender", _("Identifier of the sender"), _("N.1.3, as registered there.")
        )
        self.fields["receiver"] = _line(
            "receiver", _("Identifier of the authority"), _("N.1.4, such as EVCTMPROD.")
        )
        self.fields["version"] = forms.IntegerField(
            widget=forms.HiddenInput, initial=self.case.version if self.case.pk else 0
        )


def _text(name: str, label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=LONGEST[name], help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip


def _line(name: str, label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=LONGEST[name], help_text=help_text)


class CaseTermForm(StepForm):
    """One of the terms that the search found, and what it is used for."""

    keeps_draft = False

    def __init__(self, *args: Any, terms: Sequence[DictionaryTerm], use: str, **kwargs: Any) -> None:
        self.terms, self.use = terms, use
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        self.fields["use"] = forms.ChoiceField(
            label=_("Used for"), choices=[("", "–"), *CaseTerm.Use.choices], initial=self.use
        )
        self.fields["code"] = forms.ChoiceField(
            label=_("Term of the dictionary"),
            choices=[(term.code, term_label(term)) for term in self.terms],
            widget=forms.RadioSelect,
        )

    @property
    def term(self) -> DictionaryTerm:
        """Return the chosen term. Of a valid form."""
        return next(term for term in self.terms if term.code == self.cleaned_data["code"])


class CaseTermRemovalForm(StepForm):
    """Why a term is taken out of the case."""

    reason = forms.CharField(
        label=_("Why the term is taken out"), max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class AuthorityReportForm(StepForm):
    """The next report: what is new in a follow-up, and the reason of a late one."""

    def __init__(self, *args: Any, sent: Sequence[AuthorityReport], **kwargs: Any) -> None:
        self.sent = sent
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        longer = forms.Textarea(attrs={"rows": 2})
        if self.sent:
            self.fields["news"] = forms.CharField(
                # The verb asks for it: a second click on the initial report has none.
                label=_("What is new since the last report"),
                max_length=2000,
                widget=longer,
                required=False,
            )
        self.fields["late_reason"] = forms.CharField(
            label=_("Reason for a late report"), required=False, max_length=2000, widget=longer,
            help_text=_("Needed after the deadline."),
        )  # fmt: skip
        self.fields["seen"] = forms.IntegerField(widget=forms.HiddenInput, initial=len(self.sent))
        key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
        self.fields["save_key"] = key
        key.initial = lambda: uuid.uuid4().hex


class AuthorityAnswerForm(StepForm):
    """The file that the authority sent back."""

    keeps_draft = False
    file = forms.FileField(
        label=_("File of the acknowledgement"),
        widget=forms.FileInput(attrs={"accept": ".xml,.ack,text/xml,application/xml"}),
        help_text=_("XML of E2B(R3), at most 1 MB."),
    )

    def content(self) -> bytes:
        """Return what was sent, at most a little more than is allowed."""
        return bytes(self.cleaned_data["file"].read(MOST_BYTES + 1))
