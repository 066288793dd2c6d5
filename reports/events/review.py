"""The safety review of one patient: what happened, on one time axis and as a table (SAF-14, SAF-15).

Nothing in it follows the product: infusions are shown as everybody sees them, with the dose only for readers who
may know the treatment.
"""

from functools import cached_property

from django.utils.translation import gettext as _

from patients.participation.death import Death, death_of
from reports.casebook.patient_data import PatientData
from reports.casebook.profile import BY_DAY, MEDICATION_DOMAIN, Chart
from reports.figures import lanes
from safety.models import AdverseEvent
from safety.reconciliation.site_rows import STAYS
from trials.reader import shown_moment

TOLD_LOGS = (MEDICATION_DOMAIN, STAYS)


class ReviewChart(Chart):
    """The profile with serious events in a lane of their own, the death, every log of medication and of stays."""

    def __init__(self, dossier: PatientData, axis: str = BY_DAY) -> None:
        super().__init__(dossier, axis)
        self.death: Death | None = death_of(dossier.patient)

    @property
    def strips(self) -> list[lanes.Lane]:
        """Return the lanes from top to bottom; that of the death only if one is recorded."""
        deaths = [self._deaths(self.death)] if self.death else []
        return [self.visits, self.infusions, *deaths, self.serious, self.events, *self.logs, *self.curves]

    def _deaths(self, death: Death) -> lanes.Deaths:
        words = shown_moment(death.moment)
        tip = _("The patient died on %(died)s.") % {"died": words}
        mark = lanes.LaneMark(day=self.day_of(death.moment), css="visit-late", tip=tip, label=words)
        return lanes.Deaths(title=_("Death"), marks=[mark])

    @property
    def serious(self) -> lanes.Bars:
        """Return the serious events: none of them is left out for a milder one."""
        return self._of_events(
            _("Serious adverse events"), [each for each in self.dossier.events if each.serious]
        )

    @cached_property
    def events(self) -> lanes.Bars:
        """Return the events that are not serious."""
        others = [each for each in self.dossier.events if not each.serious]
        return self._of_events(_("Other adverse events"), others)

    def _of_events(self, title: str, events: list[AdverseEvent]) -> lanes.Bars:
        return lanes.Bars(
            title=title,
            note=_("CTCAE grade"),
            empty=_("none reported"),
            bars=[self.event_bar(event) for event in events],
            more=_("{count} more in the data table"),
        )

    @cached_property
    def logs(self) -> list[lanes.Bars]:
        """Return a lane for each log of medication and of stays in hospital, and for those the protocol names."""
        named = self.rules.profile.logs
        forms = [self.rules.form(code) for code in self.rules.logs]
        return [self.log(form) for form in forms if form.code in named or form.cdisc_domain in TOLD_LOGS]
