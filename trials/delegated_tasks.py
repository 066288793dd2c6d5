"""Tasks that the principal investigator delegates to a person of the site (ICH E6(R3) 2.3, SIG-05).

A task opens some rights of the role; without the task the person reads, and neither enters nor signs.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trials.permissions import Permission as P
from trials.roles import Role


@dataclass(frozen=True)
class DelegatedTask:
    """One column of the delegation log, with the rights that it opens."""

    code: str
    title: Promise
    permissions: frozenset[P]


TASKS: dict[str, DelegatedTask] = {
    task.code: task
    for task in (
        DelegatedTask("screening", _("Screening and identity of patients"), frozenset({P.SCREEN})),
        DelegatedTask(
            "data_entry", _("Consent, visits, forms and answers to queries"), frozenset({P.ENTER_DATA, P.ANSWER_QUERY})
        ),
        DelegatedTask("inclusion", _("Inclusion and end of study"), frozenset({P.ENROL})),
        DelegatedTask("events", _("Reporting of adverse events"), frozenset({P.REPORT_EVENT})),
        DelegatedTask("infusion", _("Infusions at the bedside"), frozenset({P.RECORD_INFUSION})),
        DelegatedTask("product", _("Preparation of the product"), frozenset({P.PREPARE_PRODUCT})),
        DelegatedTask("eligibility", _("Decision on eligibility"), frozenset({P.SIGN_ELIGIBILITY})),
        DelegatedTask("assessment", _("Assessment of adverse events and deviations"), frozenset({P.ASSESS_EVENT})),
        DelegatedTask("signature", _("Review and signature of captured data"), frozenset({P.SIGN})),
    )
}  # fmt: skip
# Every right that a task opens: held by nobody of the site without one.
DELEGATED = frozenset().union(*(task.permissions for task in TASKS.values()))


def tasks_of_role(role: type[Role]) -> list[DelegatedTask]:
    """Return the tasks that can be delegated to a role; none for people who are not of the site."""
    if not role.delegated:
        return []
    return [task for task in TASKS.values() if task.permissions & role.permissions]


def opened_by(codes: Collection[str]) -> frozenset[P]:
    """Return the rights that tasks open. A code of an earlier version of Stroma opens nothing."""
    return frozenset().union(*(TASKS[code].permissions for code in codes if code in TASKS))


def words_of(role: type[Role], codes: Collection[str] | None) -> list[str]:
    """Return the delegated tasks in the reader's language; None means all of the role."""
    return [str(task.title) for task in tasks_of_role(role) if codes is None or task.code in codes]
