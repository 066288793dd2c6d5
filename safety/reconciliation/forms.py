"""Forms of the reconciliation: what to do with ticked findings, and the sponsor's list."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.participation.forms import StepForm
from patients.queries.threads import LONGEST
from safety.reconciliation.list_files import ListRefused
from trials.reader import reader_language

ASK, SETTLE, REOPEN = "ask", "settle", "reopen"
ACTIONS = (
    (ASK, gettext_lazy("Raise a query on each")),
    (SETTLE, gettext_lazy("Settle without a change")),
    (REOPEN, gettext_lazy("Open again")),
)
MOST_SHOWN = 20


class FindingsForm(StepForm):
    """One action on several findings, with the reason or the words after the sentence of each finding."""

    also_kept = ("row",)
    action = forms.ChoiceField(label=gettext_lazy("What to do"), choices=ACTIONS, widget=forms.RadioSelect)
    text = forms.CharField(
        label=gettext_lazy("Reason, or your question"),
        required=False,
        max_length=LONGEST // 2,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "A query begins with the finding itself; add what you want to know. To settle or open again, say why."
        ),
    )


class SafetyListForm(StepForm):
    """The sponsor's list of serious events as a CSV file."""

    keeps_draft = False
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        help_text=gettext_lazy(
            "UTF-8 with a comma, semicolon or tabulator between the columns, at most 1 MB. The first line names the"
            " columns: subject, term and onset are needed; end, serious, grade, related and outcome are compared if"
            " they are there. Other columns are not read."
        ),
    )

    def add_mistakes(self, refused: ListRefused) -> None:
        """Show the mistakes of the file beside the field."""
        for line, mistake in refused.mistakes[:MOST_SHOWN]:
            sentence = mistake.sentence(_, reader_language())
            self.add_error(
                "file", _("Line %(line)s: %(text)s") % {"line": line, "text": sentence} if line else sentence
            )
        if (more := len(refused.mistakes) - MOST_SHOWN) > 0:
            self.add_error("file", _("And %(number)s more lines with a mistake.") % {"number": more})
