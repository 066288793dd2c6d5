"""Dictionaries that are loaded from files of the user, and the codes of adverse events in them (SAF-10)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Locks, Trail
from patients.models import Patient, VisibleToMembers
from trials.models import Trial


class Dictionary(models.Model):
    """One release of CTCAE or MedDRA, as it was loaded, or the project's own list of terms. It is never changed."""

    class Kind(models.TextChoices):
        CTCAE = "ctcae", _("CTCAE")
        MEDDRA = "meddra", _("MedDRA")
        OWN = "own", _("Own list of terms")

    kind = models.CharField(_("Dictionary"), max_length=10, choices=Kind)
    version = models.CharField(_("Version"), max_length=20)
    # Of the files, so that two installations can tell that they hold the same release.
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    terms_loaded = models.PositiveIntegerField(_("Terms"))
    loaded_at = models.DateTimeField(_("Loaded at"), default=timezone.now)

    history = Trail(final=True)

    class Meta:
        app_label = "safety"
        verbose_name = _("Dictionary")
        constraints = [
            models.UniqueConstraint(fields=["kind", "version"], name="dictionary_release_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"


class DictionaryTerm(models.Model):
    """A term of a release: a lowest level term of MedDRA, or a term of CTCAE.

    Not in the trail: the release names its files by their SHA-256, and no term changes after loading.
    """

    dictionary = models.ForeignKey(Dictionary, models.PROTECT, related_name="terms", db_index=False)
    code = models.CharField(max_length=250)
    name = models.CharField(max_length=250)
    # Without case, accents and punctuation: what a search is compared with.
    key = models.CharField(max_length=250)
    preferred = models.CharField(max_length=250, blank=True)
    organ_class = models.CharField(max_length=250, blank=True)
    grades = models.CharField(max_length=10, blank=True)
    is_current = models.BooleanField(default=True)

    class Meta:
        app_label = "safety"
        constraints = [
            models.UniqueConstraint(fields=["dictionary", "code"], name="dictionary_term_once"),
        ]
        indexes = [models.Index(fields=["dictionary", "key"], name="dictionary_term_by_key")]

    def __str__(self) -> str:
        return self.name


class EventCoding(models.Model):
    """The code of an adverse event. The words of the reporter stay beside it, unchanged."""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="event_codings", verbose_name=_("Trial"))
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="event_codings", verbose_name=_("Patient")
    )
    event = models.OneToOneField(
        "safety.AdverseEvent", models.PROTECT, related_name="coding", verbose_name=_("Adverse event")
    )
    dictionary = models.ForeignKey(Dictionary, models.PROTECT, related_name="+", verbose_name=_("Dictionary"))
    code = models.CharField(_("Code"), max_length=250)
    name = models.CharField(_("Coded term"), max_length=250)
    preferred = models.CharField(_("Preferred term"), max_length=250, blank=True)
    organ_class = models.CharField(_("System organ class"), max_length=250, blank=True)
    # The words that were coded: if the reporter's words change, the code is looked at again.
    coded_words = models.CharField(_("Words that were coded"), max_length=200)
    coded_at = models.DateTimeField(_("Coded at"), default=timezone.now)

    objects = VisibleToMembers.as_manager()
    history = Trail(
        patient="patient_id",
        trial="trial_id",
        locks=Locks(parents=("patient", "trial"), freezes=False),
    )

    class Meta:
        app_label = "safety"
        verbose_name = _("Code of an adverse event")
        constraints = [
            models.CheckConstraint(condition=~Q(code="") & ~Q(name=""), name="coding_has_a_term"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"
