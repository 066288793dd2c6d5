"""The facts on the page System, read from events, runs and files; nothing depends on an arm."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from audit import events
from audit.events import AccessKind
from audit.export_register import last_scheduled
from audit.models import AccessEvent, ClockTurn, Seal
from audit.sealing.seal_files import failing_copies
from audit.system_texts import actor_words
from operation.decommissioning import STEPS
from operation.retention import retention_dates
from operation.trail_verification import last_result, waiting_request
from protocol.document.people import TrainingDocument
from reports.edit_checks.validation_pack import held_pack
from trials.models import Incident, Trial
from trials.reader import reader_language
from trials.training import confirmed_of, documents_of


@dataclass(frozen=True)
class KeptEvent:
    """An event as the page shows it: when, by whom, and what it tells readers with these permissions."""

    event: AccessEvent
    may: Collection[str]

    @property
    def who(self) -> str:
        """Return the person or the process."""
        return actor_words(self.event.full_name or self.event.user_name)

    @property
    def told(self) -> dict[str, Any]:
        """Return the details by names that a template can use."""
        detail = events.visible_detail(self.event, may=self.may)
        return {name.replace(" ", "_"): value for name, value in detail.items()}


@dataclass(frozen=True)
class TrainingCount:
    """A document that roles must have read, and how many people confirmed its present version."""

    document: TrainingDocument
    confirmed: int

    @property
    def title(self) -> str:
        """Return the title in the reader's language."""
        return self.document.title.in_language(reader_language())


def system_record(trial: Trial, may: Collection[str]) -> dict[str, Any]:
    """Return the context of the page for readers with these permissions. Fifteen queries."""
    return {
        "version": settings.VERSION,
        "in_use_since": _first(may, AccessKind.CONFIGURATION, version=settings.VERSION),
        "upgraded": _last(may, AccessKind.MIGRATION),
        "pack": held_pack(),
        "clock": _last(may, AccessKind.CLOCK_READ),
        "turns": list(ClockTurn.objects.order_by("-pk")[:3]),
        "seal": Seal.objects.order_by("-number").first(),
        "failing_copies": failing_copies(),
        "verified": _kept(may, last_result()),
        "asked": _kept(may, waiting_request()),
        "backup": _last(may, AccessKind.BACKUP, stage="finished"),
        "restore_test": _last(may, AccessKind.RESTORE_TEST),
        "restored": _last(may, AccessKind.RESTORE),
        "site_copy": _kept(may, last_scheduled(trial.pk)),
        "retention": retention_dates(trial),
        "training": _training(trial),
        "problems": list(trial.incidents.exclude(state=Incident.State.CLOSED).select_related("reported_by")),
        "steps": STEPS,
    }


def _rows(kind: str, **detail: Any) -> Any:
    rows = AccessEvent.objects.filter(kind=kind)
    return rows.filter(**{f"detail__{name}": value for name, value in detail.items()})


def _last(may: Collection[str], kind: str, **detail: Any) -> KeptEvent | None:
    return _kept(may, _rows(kind, **detail).order_by("-pk").first())


def _first(may: Collection[str], kind: str, **detail: Any) -> KeptEvent | None:
    return _kept(may, _rows(kind, **detail).order_by("pk").first())


def _kept(may: Collection[str], event: AccessEvent | None) -> KeptEvent | None:
    return KeptEvent(event, may) if event is not None else None


def _training(trial: Trial) -> list[TrainingCount]:
    given = Counter((row.document, row.version) for rows in confirmed_of(trial).values() for row in rows)
    return [TrainingCount(each, given[each.id, each.version]) for each in documents_of(trial)]
