"""Models of the patient, the identity behind the subject code, consents and eligibility decisions."""

from datetime import date
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from audit.stored_text import StoredTextField
from audit.trail import Concealed, FactMarks, Locks, Trail, facts_of_columns
from patients.models.visibility import OfPatient, VisibleToMembers
from patients.signals import casebook_content
from protocol.document.items import Form
from trials.models import ProtocolVersion, Trial
from trials.reader import shown_moment

PATIENT_SIGNED = (
    "code", "protocol", "state", "screened_on", "group", "enrolled_on", "first_infusion_on", "failed_on",
    "failure_reason", "ended_on", "end_reason", "end_note", "treatment_withdrawn_on", "samples_withdrawn_on",
    "follow_up_withdrawn_on", "data_withdrawn_on", "withdrawal_note",
)  # fmt: skip
CONSENT_SIGNED = (
    "type", "version", "given", "capacity_regained_on", "obtained_by", "representative_name",
    "representative_relation", "scan_id", "struck_out_reason",
)  # fmt: skip
CONSENT_FACTS = (
    "type", "representative_relation", "version", "given", "obtained_by", "capacity_regained_on",
)  # fmt: skip
UNDER_PATIENT = Locks(parents=("patient", "patient__trial"))


class Patient(models.Model):
    """One participant of one trial, under a subject code that reveals nothing about the person."""

    class State(models.TextChoices):
        SCREENING = "screening", _("Screening")
        SCREEN_FAILED = "screen_failed", _("Screen failure")
        ENROLLED = "enrolled", _("In follow-up")
        ENDED = "ended", _("Study ended")

    class EndReason(models.TextChoices):
        COMPLETED = "completed", pgettext_lazy("how the study ended", "Completed")
        DEATH = "death", _("Death")
        WITHDRAWAL = "withdrawal", _("Withdrawal")
        LOST = "lost", _("Lost to follow-up")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="patients", verbose_name=_("Trial"))
    protocol = models.ForeignKey(
        ProtocolVersion, models.PROTECT, related_name="+", verbose_name=_("Protocol")
    )
    # Version of the consent form that an amendment asks for; it stays set after the patient has signed it.
    reconsent_version = models.CharField(_("Consent to sign again"), max_length=40, blank=True)
    number = models.PositiveIntegerField(_("Number"))
    code = models.CharField(_("Patient"), max_length=20)
    state = models.CharField(_("Status"), max_length=20, choices=State)
    screened_on = models.DateField(_("Screened on"))
    group = models.CharField(_("Group"), max_length=20, blank=True)
    enrolled_on = models.DateField(_("Included on"), null=True)
    enrolled_at = models.DateTimeField(_("Enrolled at"), null=True)
    first_infusion_on = models.DateField(_("First infusion"), null=True)
    # Numbers of the infusions given and of those recorded as not given, as digits (`13`). The room of infusions keeps
    # them: what a visit asks may depend on them, and counts of forms ask for all patients at once.
    infusions_given = models.CharField(_("Infusions given"), max_length=9, blank=True)
    infusions_omitted = models.CharField(_("Infusions not given"), max_length=9, blank=True)
    failed_on = models.DateField(_("Screen failure on"), null=True)
    failure_reason = models.TextField(_("Reason for screen failure"), blank=True)
    ended_on = models.DateField(_("End of study"), null=True)
    end_reason = models.CharField(_("Reason for the end"), max_length=20, choices=EndReason, blank=True)
    end_note = models.TextField(_("Note on the end"), blank=True)
    # A patient may withdraw consent for a part and stay in the trial for the rest (`consent_withdrawal`).
    treatment_withdrawn_on = models.DateField(_("Consent withdrawn for the treatment"), null=True)
    samples_withdrawn_on = models.DateField(_("Consent withdrawn for samples"), null=True)
    follow_up_withdrawn_on = models.DateField(_("Consent withdrawn for follow-up"), null=True)
    data_withdrawn_on = models.DateField(_("Consent withdrawn for new data"), null=True)
    # While a hold of the treatment waits for an investigator's decision, and for good after the decision to stop.
    treatment_held_since = models.DateTimeField(_("Treatment held since"), null=True)
    withdrawal_note = models.TextField(_("Withdrawal in the patient's words"), blank=True)
    frozen_at = models.DateTimeField(_("Frozen at"), null=True)
    locked_at = models.DateTimeField(_("Locked at"), null=True)
    created_at = models.DateTimeField(_("Created at"), default=timezone.now)
    # Identifies the screening form that made the row, so that a double click uses one subject code.
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(
        patient="id",
        trial="trial_id",
        excluded=("save_key", "infusions_given", "infusions_omitted"),
        signed_content=PATIENT_SIGNED,
        fact_marks=FactMarks(
            "patients.Mark", "disposition", facts_of_columns("ended_on", "end_reason", "end_note")
        ),
        locks=Locks(parents=("trial",), level="patient", stored_in="patients.DataLock"),
    )

    class Meta:
        verbose_name = _("Patient")
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="patient_number_once_per_trial"),
            models.UniqueConstraint(fields=["trial", "code"], name="patient_code_once_per_trial"),
            models.UniqueConstraint(
                fields=["trial", "save_key"], condition=~Q(save_key=""), name="patient_screened_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="enrolled") | Q(enrolled_on__isnull=False),
                name="enrolled_patient_has_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state="screen_failed") | (Q(failed_on__isnull=False) & ~Q(failure_reason="")),
                name="screen_failure_keeps_its_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | (Q(ended_on__isnull=False) & ~Q(end_reason="")),
                name="end_of_study_has_date_and_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def allows_form(self, form: Form, day: date | None) -> bool:
        """Return True unless a new form would be refused because consent for new data or samples is withdrawn.

        day: that of the visit; None in a log, or while it is not known.
        """
        if self.data_withdrawn_on:
            return False
        ends = self.samples_withdrawn_on
        return not (form.samples and ends and day and day > ends)

    @property
    def given_infusions(self) -> frozenset[int]:
        """Return the numbers of the infusions given."""
        return frozenset(map(int, self.infusions_given))

    @property
    def omitted_infusions(self) -> frozenset[int]:
        """Return the numbers of the infusions recorded as not given."""
        return frozenset(map(int, self.infusions_omitted))

    def share(self, trial: Trial, protocol: ProtocolVersion | None) -> None:
        """Set the trial and protocol already read: the text of a protocol is too long to read twice."""
        self.trial = trial
        if protocol is not None and protocol.pk == self.protocol_id:
            self.protocol = protocol
        if protocol is not None and protocol.pk == trial.protocol_id:
            trial.protocol = protocol

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a signature on the casebook covers: the patient and everything captured.

        Reads consents, visits, forms, logs, deviations, contacts, samples, and what `casebook_content` adds.
        """
        facts = {name: getattr(self, f"{name}_id" if name == "protocol" else name) for name in PATIENT_SIGNED}
        visits = self.visits.order_by("pk").prefetch_related("records")
        logs = self.records.filter(visit=None).order_by("pk")
        samples = [each.signed_content() for each in self.samples.order_by("number")]
        parts_of_rooms: list[tuple[Any, Any]] = casebook_content.send(sender=Patient, patient=self)
        return {
            **facts,
            "consents": [consent.signed_content() for consent in self.consents.order_by("pk")],
            "visits": [visit.signed_content() for visit in visits],
            "logs": [record.signed_content() for record in logs],
            "deviations": [each.signed_content() for each in self.deviations.order_by("number")],
            "contacts": [each.signed_content() for each in self.contacts.order_by("number")],
            # Only where there are any: a signature from before samples were covered still holds.
            **({"samples": samples} if samples else {}),
            **{name: rows for _receiver, part in parts_of_rooms for name, rows in part.items()},
        }


class Identity(models.Model):
    """Identifying data of a patient, kept apart from clinical data behind a permission of its own (PRV-01)."""

    patient = models.OneToOneField(
        Patient, models.PROTECT, related_name="identity", verbose_name=_("Patient")
    )
    name = models.CharField(_("Name"), max_length=200, blank=True)
    hospital_number = models.CharField(_("Hospital number"), max_length=60, blank=True)
    # Letters and digits of the number, by which people are compared; empty once the screening failed, so that the
    # person may be screened again. The trial is repeated for the constraint.
    number_key = models.CharField(_("Compared hospital number"), max_length=240, blank=True)
    trial = models.ForeignKey(Trial, models.PROTECT, related_name="+", verbose_name=_("Trial"))
    birth_date = models.CharField(_("Date of birth"), max_length=10, blank=True)
    contact = models.TextField(_("Contact"), blank=True)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_identity",
        excluded=("number_key", "trial"),
    )

    class Meta:
        verbose_name = _("Identity")
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "number_key"],
                condition=~Q(number_key=""),
                name="hospital_number_once_per_trial",
            )
        ]


class ConsentQuerySet(OfPatient):
    """Query set of consents."""

    def not_in_error(self) -> "ConsentQuerySet":
        """Keep the consents that were not struck out as entered in error."""
        return self.filter(struck_out_reason="")


class Consent(models.Model):
    """One informed consent: who gave it, on which version of the form, when, and who obtained it.

    The name of a representative identifies a person: it is read only with `see_identity` and never exported.
    """

    class Type(models.TextChoices):
        PATIENT = "patient", _("Patient")
        LEGAL_REPRESENTATIVE = "legal_representative", _("Legal representative")
        IMPARTIAL_WITNESS = "impartial_witness", _("Impartial witness")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="consents", verbose_name=_("Patient"))
    type = models.CharField(_("Given by"), max_length=30, choices=Type)
    version = models.CharField(_("Version of the form"), max_length=40)
    # `given` is the moment as entered, with its UTC offset; `given_at` the same instant, for ordering.
    given = models.CharField(_("Date and time"), max_length=60)
    given_at = models.DateTimeField(_("Given at"))
    capacity_regained_on = models.DateField(_("Capacity regained on"), null=True)
    obtained_by = models.CharField(_("Obtained by"), max_length=200, blank=True)
    representative_name = models.CharField(_("Name of the representative"), max_length=200, blank=True)
    representative_relation = models.CharField(_("Relation to the patient"), max_length=100, blank=True)
    scan = models.ForeignKey(
        "patients.Attachment", models.PROTECT, null=True, related_name="+", verbose_name=_("Scan of the form")
    )
    struck_out_reason = StoredTextField(_("Entered in error because"), blank=True)
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )

    objects = ConsentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        covered_by=("patient",),
        covered_content=CONSENT_SIGNED,
        # Not the name of a representative: the mark keeps what it held before, and is read with the study data.
        fact_marks=FactMarks("patients.Mark", "consent", facts_of_columns(*CONSENT_FACTS)),
        locks=UNDER_PATIENT,
        concealed=Concealed(
            columns=("representative_name",),
            words=gettext_noop("shown to users who may see identities"),
            may="see_identity",
        ),
    )

    class Meta:
        verbose_name = _("Consent")
        ordering = ["given_at", "pk"]

    @classmethod
    def joined_to(cls, row: Any) -> list["Consent"]:
        """Return the first consent and the one in force from the annotations of a row: what expressions read."""
        if not row.consent_given:
            return []
        first = {name: getattr(row, f"first_consent_{name}") for name in ("type", "given")}
        in_force = {name: getattr(row, f"consent_{name}") for name in ("type", "given", "version")}
        return [cls(**first), cls(**in_force)]

    def signed_content(self) -> dict[str, Any]:
        """Return the part of this consent that a signature on the casebook covers."""
        return {name: getattr(self, name) for name in CONSENT_SIGNED}

    @property
    def given_words(self) -> str:
        """Return the date and time of the consent in the reader's language."""
        return shown_moment(self.given)


class DecisionQuerySet(OfPatient):
    """Query set of decisions on eligibility."""

    def resting_on_changes(self) -> "DecisionQuerySet":
        """Keep the latest decision of each patient if it rests on changed inputs and nobody settled that.

        It is settled by a new decision, or when the deviations that the changes opened are classified.
        """
        newer = EligibilityDecision.objects.filter(patient=OuterRef("patient"), pk__gt=OuterRef("pk"))
        deviations = apps.get_model("patients", "Deviation")._default_manager.filter(
            patient=OuterRef("patient"), place="eligibility", struck_out_reason=""
        )
        waiting, decided = (
            Exists(deviations.filter(classification="unclassified")),
            Exists(deviations.exclude(classification="unclassified")),
        )
        return self.filter(waiting | ~decided, changed_at__isnull=False).exclude(Exists(newer))


class EligibilityDecision(models.Model):
    """One investigator's decision on eligibility, with the result and the inputs of every criterion."""

    class Conclusion(models.TextChoices):
        ELIGIBLE = "eligible", _("Eligible")
        NOT_ELIGIBLE = "not_eligible", _("Not eligible")

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="eligibility_decisions", verbose_name=_("Patient")
    )
    protocol = models.ForeignKey(
        ProtocolVersion, models.PROTECT, related_name="+", verbose_name=_("Protocol")
    )
    conclusion = models.CharField(_("Conclusion"), max_length=20, choices=Conclusion)
    group = models.CharField(_("Group"), max_length=20, blank=True)
    inclusion_on = models.DateField(_("Intended day of inclusion"))
    criteria = models.JSONField(_("Criteria"))
    # The answers by which the trial stratifies, by path (`demography.sex`).
    strata = models.JSONField(_("Stratum"), default=dict)
    # What the decision would find otherwise now (`eligibility_decisions.decision_review`), and since when.
    changes = models.JSONField(_("Changed since"), default=list)
    changed_at = models.DateTimeField(_("Changed since"), null=True)
    decided_at = models.DateTimeField(_("Decided at"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Decided by")
    )

    objects = DecisionQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=("conclusion", "group", "inclusion_on", "criteria"),
        fact_marks=FactMarks(
            "patients.Mark",
            "eligibility",
            facts_of_columns("conclusion", "group", "inclusion_on"),
            others=("criteria",),
        ),
        locks=UNDER_PATIENT,
    )

    class Meta:
        verbose_name = _("Eligibility decision")
        ordering = ["pk"]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the investigator's signature covers."""
        return {
            "patient": self.patient_id,
            "protocol": self.protocol_id,
            "conclusion": self.conclusion,
            "group": self.group,
            "inclusion_on": self.inclusion_on.isoformat(),
            "criteria": self.criteria,
        }
