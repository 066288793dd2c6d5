"""Roles in a trial: plain classes with a description and their permissions (docs/roles.md)."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trials.permissions import Permission as P


class Role:
    """A function in a trial, as recorded in the delegation log."""

    code: str
    title: Promise
    description: Promise
    permissions: frozenset[P]
    time_boxed = False
    # The principal investigator delegates tasks to it (ICH E6(R3) 2.3): people of the site.
    delegated = False


class Coordinator(Role):
    code = "coordinator"
    delegated = True
    title = _("Study coordinator")
    description = _("Screens and follows patients, enters data, answers queries, reports adverse events.")
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_FILES,
            P.SEE_IDENTITY,
            P.SCREEN,
            P.ENTER_DATA,
            P.ENROL,
            P.REPORT_EVENT,
            P.RECORD_INFUSION,
            P.ANSWER_QUERY,
            P.REQUEST_UNLOCK,
            P.SEE_TRAIL,
            P.REDACT,
            P.SEE_PEOPLE,
            P.VOUCH,
            P.REPORT_EXPOSURE,
        }
    )


class Investigator(Role):
    code = "investigator"
    delegated = True
    title = _("Investigator")
    description = _("Decides on eligibility, treats, assesses and signs; may do all that a coordinator does.")
    permissions = Coordinator.permissions | {
        P.SIGN_ELIGIBILITY,
        P.SIGN,
        P.ASSESS_EVENT,
        P.TAKE_COPY,
        P.UNBLIND,
        P.HOLD_TRIAL,
    }


class PrincipalInvestigator(Role):
    code = "principal_investigator"
    title = _("Principal investigator")
    description = _(
        "Is responsible for the trial at the site: does all that an investigator does, approves roles and versions."
    )
    permissions = Investigator.permissions | {P.APPROVE, P.REVIEW_ACCESS, P.HANDLE_PROBLEMS, P.SEE_SYSTEM}


class CellLaboratory(Role):
    code = "cell_laboratory"
    delegated = True
    title = _("Cell laboratory (unblinded)")
    description = _("Prepares the product and knows the treatment; enters no clinical data.")
    permissions = frozenset(
        {P.SEE_TRIAL, P.PREPARE_PRODUCT, P.CLASSIFY_PRODUCT, P.SEE_TREATMENT, P.INSTRUCT, P.REPORT_EXPOSURE}
    )


class Pharmacist(Role):
    code = "pharmacist"
    delegated = True
    title = _("Pharmacist (unblinded)")
    description = _("Receives, releases and hands over the product; enters no clinical data.")
    permissions = CellLaboratory.permissions


class Monitor(Role):
    code = "monitor"
    title = _("Monitor")
    description = _("Reads everything blinded, compares it with the source, raises and closes queries.")
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_FILES,
            P.RAISE_QUERY,
            P.VERIFY,
            P.SEE_TRAIL,
            P.SEE_PEOPLE,
            P.REPORT_EXPOSURE,
        }
    )


class UnblindedMonitor(Role):
    code = "unblinded_monitor"
    title = _("Unblinded monitor")
    description = _(
        "Compares the product and the allocation with their source; asks nothing about clinical data."
    )
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_TREATMENT,
            P.ASK_PRODUCT,
            P.VERIFY_PRODUCT,
            P.SEE_TRAIL,
            P.SEE_PEOPLE,
            P.REPORT_EXPOSURE,
        }
    )


class DataManager(Role):
    code = "data_manager"
    title = _("Data manager")
    description = _(
        "Keeps the data clean: queries, review of the trail, locks, exports, reference ranges; no clinical data."
    )
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_FILES,
            P.RAISE_QUERY,
            P.LOCK,
            P.REQUEST_UNLOCK,
            P.MANAGE_RANGES,
            P.CODE_EVENT,
            P.APPLY_AMENDMENT,
            P.SEE_TRAIL,
            P.REVIEW_TRAIL,
            P.REDACT,
            P.HANDLE_PROBLEMS,
            P.EXPORT,
            P.SEE_PEOPLE,
            P.VOUCH,
            P.REVIEW_ACCESS,
            P.REPORT_EXPOSURE,
        }
    )


class Statistician(Role):
    code = "statistician"
    title = _("Statistician (unblinded)")
    description = _(
        "Reads and exports everything, the allocation included; may upload its sealed list, and changes nothing else."
    )
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_TREATMENT,
            P.SEE_CLOSED_REPORT,
            P.SEE_TRAIL,
            P.EXPORT,
            P.UPLOAD_ALLOCATION,
        }
    )


class BlindedStatistician(Role):
    code = "blinded_statistician"
    title = _("Statistician (blinded)")
    description = _("Prepares the analysis: reads and exports everything but the treatment; changes nothing.")
    permissions = frozenset({P.SEE_TRIAL, P.SEE_TRAIL, P.EXPORT})


class SponsorRepresentative(Role):
    code = "sponsor_representative"
    title = _("Representative of the sponsor")
    description = _(
        "Oversees the trial for the sponsor: reads the blinded data, the people and the trail; signs releases of holds."
    )
    permissions = frozenset({P.SEE_TRIAL, P.SEE_TRAIL, P.SEE_PEOPLE, P.HOLD_TRIAL})


class SponsorSafety(Role):
    code = "sponsor_safety"
    title = _("Drug safety of the sponsor")
    description = _(
        "Receives serious adverse events, blinded, judges causality and expectedness, decides on the report, asks "
        "about events, may hold the trial, and unblinds one patient for the report of a SUSAR."
    )
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_FILES,
            P.RAISE_QUERY,
            P.SEE_TRAIL,
            P.UNBLIND_SUSAR,
            P.INSTRUCT,
            P.JUDGE_CASE,
            P.REPORT_EXPOSURE,
            P.HOLD_TRIAL,
        }
    )


class DataMonitoringBoard(Role):
    code = "data_monitoring_board"
    title = _("Data monitoring board (closed report)")
    description = _(
        "Watches safety during the trial: reads the closed report by arm, and patients without their treatment."
    )
    permissions = frozenset({P.SEE_TRIAL, P.SEE_CLOSED_REPORT})


class Administrator(Role):
    code = "administrator"
    title = _("Administrator")
    description = _("Manages people and exports the study data; never writes clinical data.")
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.MANAGE_PEOPLE,
            P.SEE_PEOPLE,
            P.HANDLE_PROBLEMS,
            P.EXPORT,
            P.SEE_TRAIL,
            P.SEE_SYSTEM,
        }
    )


class Inspector(Role):
    code = "inspector"
    title = _("Inspector")
    description = _(
        "Reads everything, the trail and the identities included, for a limited time; changes nothing."
    )
    permissions = frozenset(
        {
            P.SEE_TRIAL,
            P.SEE_FILES,
            P.SEE_IDENTITY,
            P.SEE_TREATMENT,
            P.SEE_CLOSED_REPORT,
            P.SEE_TRAIL,
            P.REVIEW_TRAIL,
            P.EXPORT,
            P.SEE_PEOPLE,
            P.SEE_SYSTEM,
        }
    )
    time_boxed = True


ROLES: dict[str, type[Role]] = {
    role.code: role
    for role in (
        Coordinator,
        Investigator,
        PrincipalInvestigator,
        CellLaboratory,
        Pharmacist,
        Monitor,
        UnblindedMonitor,
        DataManager,
        Statistician,
        BlindedStatistician,
        SponsorRepresentative,
        SponsorSafety,
        DataMonitoringBoard,
        Administrator,
        Inspector,
    )
}
CHOICES = [(role.code, role.title) for role in ROLES.values()]
# The treatment of each patient, or figures of each arm: who knows either is not blinded any more.
KNOWS = frozenset({P.SEE_TREATMENT, P.SEE_CLOSED_REPORT})
KNOWING = frozenset(code for code, role in ROLES.items() if KNOWS & role.permissions)
"""Roles that know the treatment of a masked trial; all others are blinded."""
