"""Form of a report of a serious event: the narrative, what is new, and the reason if the initial one is late."""

import uuid
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from safety.forms import EventStepForm
from safety.models import AdverseEvent
from safety.sae_reports.stored import SaeReport


class SaeReportForm(EventStepForm):
    """The next report: the initial one, or a follow-up that begins with the narrative of the last."""

    keeps_draft = True

    def __init__(self, *args: Any, event: AdverseEvent, last: SaeReport | None = None, **kwargs: Any) -> None:
        self.event, self.last = event, last
        kwargs.setdefault("initial", {"narrative": last.narrative if last else ""})
        super().__init__(*args, event=event, **kwargs)

    def add_fields(self, zone: str) -> None:
        if self.last is not None:
            self.fields["news"] = _text(_("What is new since the last report"), rows=2, longest=2000)
        self.fields["narrative"] = _text(
            _("Narrative"),
            rows=10,
            longest=100_000,
            help_text=_(
                "Course, treatment, tests, outcome, other possible causes. No names, no treatment arm."
            ),
        )
        if self._is_late():
            self.fields["late_reason"] = _text(
                _("Reason for a late report"), rows=2, longest=2000, help_text=_("The deadline has passed.")
            )
        shown = self.last.number + 1 if self.last else 0
        self.fields["seen"] = forms.IntegerField(widget=forms.HiddenInput, required=False, initial=shown)
        key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
        self.fields["save_key"] = key
        key.initial = lambda: uuid.uuid4().hex

    def _is_late(self) -> bool:
        event = self.event
        waits = self.last is None and event.reported_at is None and event.due_at is not None
        return waits and event.due_at is not None and timezone.now() > event.due_at


def _text(label: Any, *, rows: int, longest: int, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=longest, widget=forms.Textarea(attrs={"rows": rows}), **options
    )
