"""The report packs: what each holds, who may have it, and when it shows the arms (BLD-01)."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from outcomes.computing import shows_arms
from reports.packs import conduct
from reports.packs.adverse_events import adverse_events, serious_events
from reports.packs.annual_tables import annual_tables
from reports.packs.baseline import baseline
from reports.packs.contents import PackSection, PackView
from reports.packs.exposure import exposure
from reports.packs.figures import figures
from reports.packs.flow import flow
from reports.packs.missing_data import missing_data
from reports.packs.outcome_tables import outcomes
from reports.packs.recruitment import recruitment
from reports.packs.titles import TITLES
from trials.access import Access
from trials.permissions import Permission as P

Sections = tuple[Callable[[PackView], PackSection], ...]


def never(access: Access) -> bool:
    """Return False: the pack is the same for every reader."""
    return False


def always(access: Access) -> bool:
    """Return True in a trial with an allocation: only readers of the closed report have the pack."""
    return access.trial.rules.allocation is not None


def once_opened(access: Access) -> bool:
    """Return whether this reader may know how the arms do: in a masked trial not before the planned unblinding.

    The laboratory knows what it prepares; it has no results by arm unless the unblinding opens them to it.
    """
    trial = access.trial
    return shows_arms(access) and (not trial.masked or trial.opened_to is not None)


@dataclass(frozen=True, slots=True)
class Pack:
    """A report pack. see: the right that it needs. by_arm: whether it shows a reader the arms.

    of_interval: whether it is about an interval, which may be chosen.
    """

    code: str
    title: str | Promise
    holds: str | Promise
    see: P
    by_arm: Callable[[Access], bool]
    sections: Sections
    of_interval: bool = False


PACKS: dict[str, Pack] = {
    pack.code: pack
    for pack in (
        Pack(
            "dsmb-open",
            TITLES["dsmb-open"],
            _(
                "Pooled over the arms, for everybody: flow, recruitment, baseline, exposure, adverse events, serious "
                "events, missing data."
            ),
            P.SEE_TRIAL,
            never,
            (flow, recruitment, baseline, exposure, adverse_events, serious_events, missing_data, figures()),
        ),
        Pack(
            "dsmb-closed",
            TITLES["dsmb-closed"],
            _("By arm, only for the data monitoring board: flow, baseline, exposure, adverse events, outcomes."),
            P.SEE_CLOSED_REPORT,
            always,
            (flow, baseline, exposure, adverse_events, outcomes, figures()),
        ),
        Pack(
            "status",
            TITLES["status"],
            _(
                "Recruitment, visits, queries, source data verification, open events and their clocks, deviations, "
                "missing data."
            ),
            P.SEE_TRAIL,
            never,
            (
                flow, recruitment, conduct.visits, conduct.queries, conduct.verification, conduct.open_events,
                conduct.deviations, missing_data, figures("recruitment", "missing-data"),
            ),
        ),
        Pack(
            "monitoring",
            TITLES["monitoring"],
            _("What to verify, open queries, overdue visits and drafts, deviations, consents."),
            P.SEE_TRAIL,
            never,
            (
                conduct.verification, conduct.open_queries, conduct.overdue_visits, conduct.deviations,
                conduct.consents, conduct.open_events,
            ),
        ),
        Pack(
            "dsur",
            TITLES["dsur"],
            _(
                "Serious events so far, serious reactions of the interval, exposure (ICH E2F). By arm only after the "
                "treatment of the trial is opened."
            ),
            P.SEE_TRIAL,
            once_opened,
            (annual_tables,),
            of_interval=True,
        ),
        Pack(
            "final",
            TITLES["final"],
            _(
                "Flow, baseline, exposure, outcomes in every reading, adverse events, serious events, missing data "
                "(ICH E3). By arm only after the treatment of the trial is opened."
            ),
            P.SEE_TRIAL,
            once_opened,
            (flow, baseline, exposure, outcomes, adverse_events, serious_events, missing_data, figures()),
        ),
    )
}  # fmt: skip


def packs_for(access: Access) -> list[Pack]:
    """Return the packs that a person may have, in the order of the page."""
    return [pack for pack in PACKS.values() if access.may(pack.see)]
