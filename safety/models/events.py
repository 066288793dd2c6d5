"""Adverse events: description, severity, seriousness, causality, outcome and awareness times."""

from datetime import datetime
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.models import Signature
from audit.trail import FactMarks, Locks, Trail, facts_of_columns
from patients.models import Patient
from patients.participation.milestones import Milestone
from protocol.values.moments import Moment
from safety.classification import (
    NONE_OF_THESE,
    UNRELATED_CAUSALITIES,
    Class,
    Classes,
    EventAssessment,
    EventFinding,
    SeriousnessCriterion,
    classes,
    findings,
    is_fatal,
    is_life_threatening,
)
from safety.models.event_queries import NOT_OF_SPECIAL_INTEREST, AdverseEventQuerySet
from safety.models.opinions import (
    CAUSES,
    SPONSOR_COLUMNS,
    Causality,
    CauseColumns,
    Expectedness,
    SponsorColumns,
)
from safety.reporting_clocks import clocks
from safety.reporting_clocks.clock_table import Reportable
from trials.models import Trial

# Plain strings: a migration must not refer to an enumeration of this project.
CRITERIA = tuple(criterion.value for criterion in SeriousnessCriterion)
ANY_CRITERION = reduce(or_, (Q(**{criterion: True}) for criterion in CRITERIA))
FACTS = facts_of_columns(
    "kind", "term", "description", "infusion", "onset", "grade", "causality", *CAUSES, "treatment", "outcome",
    "action_taken", "aesi", "aware", "serious_aware", "due_at", "reported", "late_reason", "in_error_reason",
    end=("end", "ongoing"), seriousness=(*CRITERIA, NONE_OF_THESE),
)  # fmt: skip
NO_CRITERION = Q(**dict.fromkeys(CRITERIA, False))


class AdverseEvent(CauseColumns, SponsorColumns):
    """An untoward medical occurrence in one patient. Never deleted, only marked as entered in error (SAF-09)."""

    Causality = Causality
    Expectedness = Expectedness

    class Outcome(models.TextChoices):
        RECOVERED = "recovered", _("Recovered")
        RECOVERING = "recovering", _("Recovering")
        SEQUELAE = "sequelae", _("Recovered with sequelae")
        NOT_RECOVERED = "not_recovered", _("Not recovered")
        FATAL = "fatal", _("Fatal")
        UNKNOWN = "unknown", _("Unknown")

    class Action(models.TextChoices):
        NONE = "none", _("None")
        INTERRUPTED = "interrupted", _("Infusion interrupted")
        STOPPED = "stopped", _("Infusion stopped")
        NEXT_POSTPONED = "next_postponed", _("Next infusion postponed")
        WITHDRAWN = "withdrawn", _("No further infusion")
        NOT_APPLICABLE = "not_applicable", _("Not applicable")

    class Kind(models.TextChoices):
        """Reports of a kind of their own (SAF-07, ATM-01); blank: an adverse event and nothing else."""

        MEDICATION_ERROR = "medication_error", _("Medication error")
        PREGNANCY = "pregnancy", _("Pregnancy")
        MISUSE = "misuse", _("Use outside the protocol, misuse or abuse")
        PRODUCT_DEFECT = "product_defect", _("Defect or contamination of the product")
        LACK_OF_EFFICACY = "lack_of_efficacy", _("Lack of efficacy or failure of the product")

    class Ongoing(models.TextChoices):
        YES = "Y", _("Yes")
        NO = "N", _("No")

    # Each key is the first column of an index below; an index of its own would only slow each save.
    trial = models.ForeignKey(
        Trial, models.PROTECT, related_name="adverse_events", db_index=False, verbose_name=_("Trial")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="adverse_events", db_index=False, verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number"))
    kind = models.CharField(_("Kind of report"), max_length=20, choices=Kind, blank=True)
    term = models.CharField(_("Term"), max_length=200)
    description = models.TextField(_("Description"), blank=True)
    # The number of the patient's infusion at which it began, as the person says; the page of the bedside proposes it.
    infusion = models.PositiveIntegerField(_("Infusion at which it began"), null=True)
    onset = models.CharField(_("Onset"), max_length=60)
    onset_earliest = models.DateTimeField(_("Onset earliest"))
    onset_latest = models.DateTimeField(_("Onset latest"))
    ongoing = models.CharField(_("Ongoing"), max_length=1, choices=Ongoing)
    end = models.CharField(_("End"), max_length=60, blank=True)
    end_earliest = models.DateTimeField(_("End earliest"), null=True)
    end_latest = models.DateTimeField(_("End latest"), null=True)
    grade = models.PositiveSmallIntegerField(_("Grade"))
    results_in_death = models.BooleanField(_("Results in death"))
    life_threatening = models.BooleanField(_("Life-threatening"))
    hospitalisation = models.BooleanField(_("Hospitalisation or its prolongation"))
    disability = models.BooleanField(_("Persistent or significant disability"))
    congenital_anomaly = models.BooleanField(_("Congenital anomaly or birth defect"))
    medically_important = models.BooleanField(_("Other medically important event"))
    none_of_these = models.BooleanField(_("None of these"))
    causality = models.CharField(_("Causality"), max_length=48, choices=Causality, blank=True)
    treatment = models.TextField(_("Treatment given"), blank=True)
    outcome = models.CharField(_("Outcome"), max_length=20, choices=Outcome)
    action_taken = models.CharField(_("Action taken with the product"), max_length=20, choices=Action)
    aesi = models.CharField(_("Special interest"), max_length=48, blank=True)
    aware = models.CharField(_("Site aware of the event"), max_length=60, blank=True)
    aware_at = models.DateTimeField(_("Aware at"), null=True)
    serious_aware = models.CharField(_("Site aware that it is serious"), max_length=60, blank=True)
    serious_aware_at = models.DateTimeField(_("Serious aware at"), null=True)
    # The first save of the draft, if its clock ran from there because no awareness was typed.
    draft_clock_at = models.DateTimeField(_("Clock started by the draft at"), null=True)
    due_at = models.DateTimeField(_("Due at"), null=True)
    reported = models.CharField(_("Reported to the sponsor"), max_length=60, blank=True)
    reported_at = models.DateTimeField(_("Reported at"), null=True)
    reported_entered_at = models.DateTimeField(_("Report entered at"), null=True)
    late_reason = models.TextField(_("Reason for the late report"), blank=True)
    in_error_reason = models.TextField(_("Entered in error because"), blank=True)
    after_lock_reason = models.TextField(_("Reported after the lock because"), blank=True)
    version = models.PositiveIntegerField(_("Version"), default=1)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("Created at"), default=timezone.now)
    # Generated columns: no write path can make them disagree with their sources.
    serious = models.GeneratedField(
        expression=Case(When(ANY_CRITERION, then=Value(True)), default=Value(False)),
        output_field=models.BooleanField(),
        db_persist=True,
        verbose_name=_("Serious"),
    )
    related = models.GeneratedField(
        expression=Case(
            When(
                causality__in=sorted(UNRELATED_CAUSALITIES),
                sponsor_causality__in=["", *sorted(UNRELATED_CAUSALITIES)],
                then=Value(False),
            ),
            default=Value(True),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
        verbose_name=_("Related"),
    )

    # Set by safety.listing.reviews.attach_reviews, in one query for all events of a page.
    signatures: list[Signature]
    # Set by safety.listing.infusion_days.attach_infusions likewise.
    infusions_given: list[Milestone]

    objects = AdverseEventQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        excluded=("serious", "related", "save_key"),
        covered_by=("patient",),
        fact_marks=FactMarks("patients.Mark", "adverse_event", FACTS),
        # A serious event must be reported even after the lock (CTR Art. 41(4)).
        locks=Locks(
            parents=("patient", "trial"), freezes=False, later=SPONSOR_COLUMNS, unless="after_lock_reason"
        ),
        signed_content=(
            "term",
            "description",
            "infusion",
            "onset",
            "ongoing",
            "end",
            "grade",
            *CRITERIA,
            NONE_OF_THESE,
            "causality",
            *CAUSES,
            "treatment",
            "outcome",
            "action_taken",
            "aesi",
            "kind",
            "aware",
            "serious_aware",
            "reported",
            "late_reason",
            "in_error_reason",
        ),
    )

    class Meta:
        verbose_name = _("Adverse event")
        indexes = [
            # Includes the filtered columns, so that a filter for rare rows reads only the index.
            models.Index(
                fields=["trial", "-onset_earliest", "-id", "serious", "related", "grade", "ongoing", "aesi"],
                name="event_by_onset",
            ),
            models.Index(fields=["trial", "patient", "number"], name="event_by_patient"),
            models.Index(fields=["trial", "-grade", "-id"], name="event_by_grade"),
            models.Index(
                fields=["trial", "due_at"],
                condition=Q(reported_at=None, due_at__isnull=False),
                name="event_awaiting_report",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["patient", "number"], name="event_number_once_per_patient"),
            models.UniqueConstraint(
                fields=["patient", "save_key"], condition=~Q(save_key=""), name="event_saved_once"
            ),
            models.CheckConstraint(
                condition=Q(grade__gte=1, grade__lte=5),
                name="grade_is_1_to_5",
                violation_error_message=_("The grade is 1 to 5."),
            ),
            models.CheckConstraint(
                condition=(Q(none_of_these=True) & NO_CRITERION) | (Q(none_of_these=False) & ANY_CRITERION),
                name="seriousness_is_answered",
                violation_error_message=_("Choose the criteria that apply, or “none of these”."),
            ),
            models.CheckConstraint(
                condition=Q(ongoing="Y", end="") | (Q(ongoing="N") & ~Q(end="")),
                name="event_is_ongoing_or_has_an_end",
                violation_error_message=_("An event is either ongoing or has an end."),
            ),
            models.CheckConstraint(
                condition=(
                    Q(none_of_these=True, kind__in=["", "lack_of_efficacy"])
                    & ~Q(grade=5)
                    & ~Q(outcome="fatal")
                )
                | Q(aware_at__isnull=False, due_at__isnull=False),
                name="serious_event_has_a_clock",
                violation_error_message=_(
                    "A serious or fatal event, and each report of a kind with a clock, needs the time at which the site"
                    " knew of it."
                ),
            ),
            models.CheckConstraint(
                condition=Q(case_version=0, sponsor_aware_at=None, expectedness="", sponsor_causality="")
                | Q(case_version__gt=0, sponsor_aware_at__isnull=False),
                name="case_has_the_awareness_of_the_sponsor",
                violation_error_message=_("Enter when the sponsor learned of the event."),
            ),
            models.CheckConstraint(
                condition=Q(expectedness="") | ~Q(reference_version=""),
                name="expectedness_names_its_reference",
                violation_error_message=_("Name the version of the reference safety information."),
            ),
            models.CheckConstraint(
                condition=Q(reported_at=None)
                | Q(due_at=None)
                | Q(reported_at__lte=F("due_at"))
                | ~Q(late_reason=""),
                name="late_report_has_a_reason",
                violation_error_message=_("A late report needs a reason."),
            ),
        ]

    def __str__(self) -> str:
        return f"AE {self.number}"

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a review signature covers."""
        names = self.__class__._trail.signed_content  # type: ignore[attr-defined]
        answers = {name: getattr(self, name) for name in names}
        return {"patient": self.patient_id, "number": self.number, **answers}

    @property
    def seriousness(self) -> frozenset[str]:
        """Return the criteria that apply, or `{"none_of_these"}`."""
        return frozenset(name for name in (*CRITERIA, NONE_OF_THESE) if getattr(self, name))

    @property
    def answers(self) -> EventAssessment:
        """Return the answers that the classification depends on."""
        return EventAssessment(
            seriousness=self.seriousness,
            causality=self.causality,
            grade=self.grade,
            outcome=self.outcome,
            ongoing={"Y": True, "N": False}.get(self.ongoing),
        )

    @property
    def classification(self) -> Class:
        """Return the most specific class that is certain, derived from seriousness, both opinions and expectedness."""
        return self.classes.most_specific

    @property
    def classes(self) -> Classes:
        """Return to which classes the event belongs, True, False or not decided (SAF-06)."""
        return classes(
            seriousness=self.seriousness,
            causality=self.causality,
            sponsor=self.sponsor_causality,
            expected={"expected": True, "unexpected": False}.get(self.expectedness),
            grade=self.grade,
        )

    @property
    def reportable(self) -> Reportable:
        """Return the facts that decide about the clocks of the sponsor."""
        grave = is_fatal(self.answers) or is_life_threatening(self.seriousness)
        # A fatal event counts as serious, whatever its criteria say until they are corrected.
        return Reportable(serious=self.due_at is not None, susar=self.classes.susar, grave=grave)

    @property
    def with_sponsor(self) -> bool:
        """Return whether drug safety of the sponsor has opened a case."""
        return self.case_version > 0

    @property
    def findings(self) -> tuple[EventFinding, ...]:
        """Return inconsistent and missing answers; empty for an event entered in error."""
        return () if self.in_error else findings(self.answers)

    @property
    def in_error(self) -> bool:
        """Return whether the event was marked as entered in error."""
        return bool(self.in_error_reason)

    @property
    def of_special_interest(self) -> bool:
        """Return whether the event is in one of the protocol's categories of special interest."""
        return self.aesi not in {"", NOT_OF_SPECIAL_INTEREST}

    @cached_property
    def onset_moment(self) -> Moment:
        """Return the onset as precisely as it is known."""
        return Moment.from_iso(self.onset)

    @cached_property
    def end_moment(self) -> Moment | None:
        """Return the end as precisely as it is known, or None while the event is ongoing."""
        return Moment.from_iso(self.end) if self.end else None

    @property
    def clock_starts_at(self) -> datetime | None:
        """Return when the site learned that the event is serious: the start of the 24 hours (CLK-04).

        A draft that was saved earlier without the awareness keeps the start of its clock.
        """
        known = self.serious_aware_at or self.aware_at
        return min(filter(None, (known, self.draft_clock_at)), default=None)

    def clock(self, now: datetime | None = None) -> clocks.ClockReading | None:
        """Return the state of the reporting clock, or None for an event without one."""
        start = self.clock_starts_at
        if self.in_error or start is None or self.due_at is None:
            return None
        return clocks.read(
            starts_at=start, due_at=self.due_at, now=now or timezone.now(), stopped_at=self.reported_at
        )
