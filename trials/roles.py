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


class Coordinator(Role):
    code = "coordinator"
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
            P.SEE_PEOPLE,
            P.VOUCH,
        }
    )


class Investigator(Role):
    code = "investigator"
    title = _("Investigator")
    description = _("Decides on eligibility, treats, assesses and signs; may do all that a coordinator does.")
    permissions = Coordinator.permissions | {P.SIGN_ELIGIBILITY, P.SIGN, P.ASSESS_EVENT}


class CellLaboratory(Role):
    code = "cell_laboratory"
    title = _("Cell laboratory (unblinded)")
    description = _("Prepares the product and knows the treatment; enters no clinical data.")
    permissions = frozenset({P.SEE_TRIAL, P.PREPARE_PRODUCT, P.SEE_TREATMENT})


class Monitor(Role):
    code = "monitor"
    title = _("Monitor")
    description = _("Reads everything blinded, compares it with the source, raises and closes queries.")
    permissions = frozenset({P.SEE_TRIAL, P.SEE_FILES, P.RAISE_QUERY, P.VERIFY, P.SEE_TRAIL, P.SEE_PEOPLE})


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
            P.APPLY_AMENDMENT,
            P.SEE_TRAIL,
            P.REVIEW_TRAIL,
            P.EXPORT,
            P.SEE_PEOPLE,
            P.VOUCH,
        }
    )


class Statistician(Role):
    code = "statistician"
    title = _("Statistician (unblinded)")
    description = _("Reads and exports everything, the allocation included; changes nothing.")
    permissions = frozenset({P.SEE_TRIAL, P.SEE_TREATMENT, P.SEE_TRAIL, P.EXPORT})


class Administrator(Role):
    code = "administrator"
    title = _("Administrator")
    description = _("Manages people and exports the study data; never writes clinical data.")
    permissions = frozenset({P.SEE_TRIAL, P.MANAGE_PEOPLE, P.SEE_PEOPLE, P.EXPORT, P.SEE_TRAIL})


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
            P.SEE_TRAIL,
            P.REVIEW_TRAIL,
            P.EXPORT,
            P.SEE_PEOPLE,
        }
    )
    time_boxed = True


ROLES: dict[str, type[Role]] = {
    role.code: role
    for role in (
        Coordinator,
        Investigator,
        CellLaboratory,
        Monitor,
        DataManager,
        Statistician,
        Administrator,
        Inspector,
    )
}
CHOICES = [(role.code, role.title) for role in ROLES.values()]
