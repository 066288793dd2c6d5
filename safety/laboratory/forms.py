"""Forms of the decisions on laboratory results, and of an adverse event reported from one."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import Meaning
from patients.participation.forms import PasswordForm
from safety.event_fields import CHOOSE
from safety.forms import EventForm
from safety.laboratory.candidates import Candidate
from safety.laboratory.deciding import report_of_result
from safety.laboratory.models import LaboratoryDecision
from safety.laboratory.results import LabResult
from safety.laboratory.wording import ask_words, prefilled_description
from safety.models import AdverseEvent
from trials.reader import shown_moment

NUMERIC_GRADES = range(5)
TAKEN = gettext_lazy("Taken from the laboratory result: check it.")


class ResultDecisionForm(PasswordForm):
    """One significance, meaning and password for all results shown; a grade where a question decides it.

    The grade of the number alone is stored beside the confirmed one (LAB-01). Where a question may change it, nothing
    is chosen beforehand.
    """

    significance = forms.ChoiceField(
        label=gettext_lazy("These results are"),
        choices=LaboratoryDecision.Significance.choices,
        widget=forms.RadioSelect,
    )
    meaning = forms.ChoiceField(
        label=gettext_lazy("Meaning of your signature"), choices=[CHOOSE, *Meaning.choices]
    )

    def __init__(
        self, *args: Any, candidates: Sequence[Candidate], events: Sequence[AdverseEvent], **kwargs: Any
    ) -> None:
        self.candidates, self.events = candidates, events
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        for candidate in self.candidates:
            if question := ask_words(candidate):
                self.fields[self.grade_name(candidate)] = self._grade_field(candidate, question)
        if self.events:
            self.fields["event"] = forms.ChoiceField(
                label=_("Part of an adverse event that is reported already"),
                required=False,
                choices=[
                    ("", _("None: a new one")),
                    *((each.pk, f"{each} · {each.term}") for each in self.events),
                ],
                help_text=_("For significant results of one patient."),
            )
        self.order_fields(["significance", "event", *self.grade_names, "meaning", "password"])

    @property
    def grade_names(self) -> list[str]:
        """Return the names of the grades that are asked."""
        return [name for name in self.fields if name.startswith("grade-")]

    @staticmethod
    def grade_name(candidate: Candidate) -> str:
        """Return the name of the input of the confirmed grade."""
        return f"grade-{candidate.pk}"

    def _grade_field(self, candidate: Candidate, question: str) -> forms.ChoiceField:
        suggested = int(candidate.grade or 0)
        choices = [
            (str(each), self._grade_label(each, suggested)) for each in NUMERIC_GRADES if each >= suggested
        ]
        told = {"patient": candidate.patient.code, "term": candidate.term}
        return forms.ChoiceField(
            label=_("%(patient)s, %(term)s: confirmed grade") % told,
            choices=[CHOOSE, *choices],
            help_text=question,
        )

    def _grade_label(self, grade: int, suggested: int) -> str:
        return _("%(grade)s, by the number alone") % {"grade": grade} if grade == suggested else str(grade)

    @property
    def shown(self) -> dict[str, int]:
        """Return the confirmed grade by the key of the candidate. Of a valid form."""
        return {
            each.pk: int(self.cleaned_data.get(self.grade_name(each)) or each.grade or 0)
            for each in self.candidates
        }

    @property
    def event(self) -> AdverseEvent | None:
        """Return the chosen adverse event. Of a valid form."""
        chosen = self.cleaned_data.get("event")
        return next((each for each in self.events if str(each.pk) == chosen), None)


class ResultEventForm(EventForm):
    """A new adverse event whose first answers are taken from a laboratory result, and labelled as taken from it."""

    keeps_draft = True

    def __init__(self, *args: Any, result: LabResult, decision: LaboratoryDecision, **kwargs: Any) -> None:
        self.lab_result, self.decision = result, decision
        kwargs.setdefault("initial", self._taken())
        super().__init__(*args, **kwargs)
        for name in self._taken():
            field = self.fields[name]
            field.help_text = f"{field.help_text} {TAKEN}".strip()

    def _taken(self) -> dict[str, Any]:
        taken = self.lab_result.place.taken
        grade = self.decision.confirmed_grade
        return {
            "term": self.decision.term,
            "description": prefilled_description(self.lab_result, self.decision),
            **({"onset": shown_moment(taken)} if taken else {}),
            **({"grade": str(grade)} if grade else {}),
        }

    def run(self, verb: Callable[..., Any], **arguments: Any) -> bool:
        """Report the event and note it on the decision, in one transaction."""
        return super().run(partial(report_of_result, decision=self.decision), **arguments)
