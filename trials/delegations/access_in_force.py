"""Who had access to a trial between two days, with which rights, since when it was recorded, and who approved it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from accounts.models import User
from audit.stored_text import Text
from audit.system_texts import actor_words
from trials.access import Access
from trials.delegated_tasks import words_of
from trials.delegations.permission_words import rights_in_words
from trials.models import AccessReview, Delegation, Trial
from trials.roles import ROLES, Role
from trials.training import confirmed_of, documents_for


@dataclass(frozen=True)
class Deactivation:
    """A time during which an account was deactivated: by whom, why, and when it was active again."""

    since: datetime
    by: str
    reason: Text
    until: datetime | None = None


@dataclass(frozen=True)
class AccessLine:
    """One role of one person in a period."""

    delegation: Delegation
    role: type[Role]
    rights: list[str]
    tasks: list[str]
    deactivations: list[Deactivation]
    # Documents of the role in the versions in force, and how many of them the person has confirmed.
    asked: int
    confirmed: int
    recorded_on: date
    stopped: bool = field(default=False)

    @property
    def recorded_later(self) -> bool:
        """True if the role begins on an earlier day than that on which it was entered."""
        return self.delegation.starts_on < self.recorded_on

    @property
    def approval(self) -> str:
        """`approved`, `missing`, or `not_needed` for people who are not of the site."""
        if not self.role.delegated:
            return "not_needed"
        return "approved" if self.delegation.approved_at else "missing"


def access_in_force(trial: Trial, since: date, until: date) -> list[AccessLine]:
    """Return the access on at least one of the days, both included, by the name of the person. Three queries.

    A deactivated person is listed unless the account was deactivated on all of these days of the role.
    """
    rows = Delegation.objects.filter(trial=trial, starts_on__lte=until, awaits_second=False).exclude(
        ends_on__lt=since
    )
    rows = rows.select_related("user", "granted_by", "approved_by")
    found = sorted(rows, key=lambda row: (row.user.full_name.casefold(), row.starts_on, row.pk))
    pauses = deactivations({row.user_id for row in found})
    trained = confirmed_of(trial)
    lines = []
    for row in found:
        first, last = max(row.starts_on, since), min(row.ends_on or until, until)
        mine = [each for each in pauses.get(row.user_id, []) if _touches(each, first, last, trial)]
        if any(_covers(each, first, last, trial) for each in mine):
            continue
        row.trial = trial
        lines.append(
            _line(row, mine, {(each.document, each.version) for each in trained.get(row.user_id, [])})
        )
    return lines


def deactivations(people: Collection[int]) -> dict[int, list[Deactivation]]:
    """Return by person when the account was deactivated, from its history. One query."""
    rows = User.history.filter(id__in=people).order_by("history_id")
    names = ("id", "is_active", "history_date", "history_full_name", "history_change_reason")
    found: dict[int, list[Deactivation]] = {}
    before: dict[int, bool] = {}
    for pk, active, at, by, reason in rows.values_list(*names):
        if active != before.get(pk, True):
            mine = found.setdefault(pk, [])
            if not active:
                mine.append(Deactivation(at, actor_words(by), reason or ""))
            else:
                last = mine.pop()
                mine.append(Deactivation(last.since, last.by, last.reason, at))
        before[pk] = active
    return found


def _line(row: Delegation, pauses: list[Deactivation], confirmed: Collection[tuple[str, str]]) -> AccessLine:
    role, access = ROLES[row.role], Access.by(row, row.user)
    asked = documents_for(row.trial, role)
    return AccessLine(
        delegation=row,
        role=role,
        rights=rights_in_words(access.permissions),
        tasks=words_of(role, row.tasks),
        deactivations=pauses,
        asked=len(asked),
        confirmed=sum((each.id, each.version) in confirmed for each in asked),
        recorded_on=row.trial.day_of(row.recorded_at),
        stopped=row.stopped_at is not None,
    )


def _days(pause: Deactivation, trial: Trial) -> tuple[date, date | None]:
    first = trial.day_of(pause.since)
    return first, trial.day_of(pause.until) if pause.until else None


def _touches(pause: Deactivation, first: date, last: date, trial: Trial) -> bool:
    begins, ends = _days(pause, trial)
    return begins <= last and (ends is None or ends >= first)


def _covers(pause: Deactivation, first: date, last: date, trial: Trial) -> bool:
    """Return True if no day is left on which the person could sign in: the days of the two changes are left."""
    begins, ends = _days(pause, trial)
    return begins < first and (ends is None or ends > last)


def in_words(lines: Collection[AccessLine]) -> Iterator[dict[str, object]]:
    """Yield what a review of access attests to, as plain values."""
    for line in lines:
        row = line.delegation
        yield {
            "user": row.user.username,
            "full_name": row.user.full_name,
            "role": row.role,
            "from": row.starts_on.isoformat(),
            "until": row.ends_on.isoformat() if row.ends_on else "",
            "recorded": row.recorded_at.isoformat(),
            "approval": line.approval,
            "tasks": row.tasks,
            "trained": f"{line.confirmed}/{line.asked}",
            "deactivated": [pause.since.isoformat() for pause in line.deactivations],
        }


def as_reviewed(review: AccessReview) -> Iterator[dict[str, object]]:
    """Yield the lines of a review for its page: roles in the reader's language, days as days."""
    for row in review.rows:
        yield {
            **row,
            "title": ROLES[row["role"]].title if row["role"] in ROLES else row["role"],
            "starts_on": date.fromisoformat(row["from"]),
            "ends_on": date.fromisoformat(row["until"]) if row["until"] else None,
        }
