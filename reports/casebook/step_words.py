"""The next step of a patient in words, with its address and who has to do it: for the card and for the home page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.addresses import address
from patients.participation.next_step import NextStep, NoStep, StepKind
from trials.access import Access
from trials.permissions import Permission
from trials.reader import shown_day
from trials.roles import ROLES

PLAIN: dict[StepKind, str | Promise] = {
    StepKind.CONSENT: gettext_lazy("Record the consent"),
    StepKind.CONSENT_AGAIN: gettext_lazy("Record a new consent"),
    StepKind.DECIDE: gettext_lazy("Decide on eligibility"),
    StepKind.DECIDE_AGAIN: gettext_lazy("Decide on eligibility again"),
    StepKind.INCLUDE: gettext_lazy("Include the patient"),
    StepKind.FAIL: gettext_lazy("Record the screen failure"),
    StepKind.END: gettext_lazy("Record the end of study"),
}
REASONS: dict[NoStep, str | Promise] = {
    NoStep.LOCKED: gettext_lazy("The casebook is locked: nothing can be done."),
    NoStep.FAILED: gettext_lazy("The screening failed: nothing follows."),
    NoStep.ENDED: gettext_lazy(
        "The study has ended for this patient, and every visit up to its end is settled."
    ),
    NoStep.NO_DAY: gettext_lazy("No day is planned yet for what follows."),
}
PAGES = {
    StepKind.CONSENT: "patients:consent",
    StepKind.CONSENT_AGAIN: "patients:consent",
    StepKind.DECIDE: "patients:eligibility",
    StepKind.DECIDE_AGAIN: "patients:eligibility",
    StepKind.INCLUDE: "patients:enrol",
    StepKind.FAIL: "patients:fail",
    StepKind.END: "patients:end",
}


@dataclass(frozen=True, slots=True)
class StepCard:
    """The next step in words. `url` is empty if there is none; `mine`: the reader may do it.

    tone: `late`, `due` or `none`. `forms` are (title, address) of the forms to finish, or of the
    bedside of an infusion.
    """

    title: str | Promise
    when: str
    who: str
    url: str
    mine: bool
    tone: str
    forms: tuple[tuple[str, str], ...] = ()


Titles = Callable[[str], str]


def card_of(
    step: NextStep | NoStep, *, access: Access, code: str, today: date, visit: Titles, form: Titles
) -> StepCard:
    """Return the step of a patient in the reader's language. visit, form: return a title by visit key or form code."""
    if isinstance(step, NoStep):
        return StepCard(REASONS[step], "", "", "", mine=False, tone="none")
    slug, mine = access.trial.slug, access.may(Permission(step.needs))
    forms = tuple((form(each), address("patients:form", slug, code, step.visit, each)) for each in step.forms)
    if step.infusion and not step.is_early(today):
        bedside = address("dosing:bedside", slug, code, step.infusion)
        forms = ((_("Steps and vital signs at the bedside"), bedside),)
    return StepCard(
        title=title_of(step, visit(step.visit) if step.visit else ""),
        when=_when(step, today),
        who=who_does(step),
        url=address_of(step, slug, code, mine=mine and not step.is_early(today)),
        mine=mine,
        tone="late" if step.is_late(today) else "none" if step.is_early(today) else "due",
        forms=forms,
    )


def title_of(step: NextStep, visit: str) -> str | Promise:
    """Return the title of the step. visit: the title of its visit."""
    if step.kind is StepKind.FINISH_FORMS:
        count = len(step.forms)
        text = ngettext("%(visit)s: finish %(count)d form", "%(visit)s: finish %(count)d forms", count)
        return text % {"visit": visit, "count": count}
    if step.kind is StepKind.HOLD_VISIT:
        return _("%(visit)s: record the day of the visit") % {"visit": visit}
    if step.kind is StepKind.WEIGH:
        return _("Infusion %(number)d: record the weight of the day") % {"number": step.infusion}
    if step.kind is StepKind.INFUSE:
        return _("Infusion %(number)d: record the infusion") % {"number": step.infusion}
    return PLAIN[step.kind]


def _when(step: NextStep, today: date) -> str:
    if step.is_early(today):
        return _("not before %(day)s") % {"day": shown_day(step.first)}
    if step.is_late(today):
        return _("its window ended on %(day)s") % {"day": shown_day(step.last)}
    return _("until %(day)s") % {"day": shown_day(step.last)} if step.last else ""


def who_does(step: NextStep) -> str:
    """Return the titles of the roles that may do the step."""
    needed = Permission(step.needs)
    return ", ".join(str(role.title) for role in ROLES.values() if needed in role.permissions)


def address_of(step: NextStep, slug: str, code: str, *, mine: bool) -> str:
    """Return the address where the step is done; with `mine` False a page that every reader may open."""
    if step.kind is StepKind.FINISH_FORMS:
        return address("patients:form", slug, code, step.visit, step.forms[0])
    if step.kind is StepKind.HOLD_VISIT:
        return address("patients:visit-hold" if mine else "patients:visit", slug, code, step.visit)
    if step.kind in (StepKind.WEIGH, StepKind.INFUSE):
        weigh = mine and step.kind is StepKind.WEIGH
        return address("dosing:weight" if weigh else "dosing:infusion", slug, code, step.infusion)
    return address(PAGES[step.kind], slug, code)
