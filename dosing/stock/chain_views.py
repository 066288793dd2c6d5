"""Pages of one bag, one lot and one donor: the record, what belongs to it in both directions, and the steps on it."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.exceptional.exceptional_steps import uses_of
from dosing.infusions.bedside_views import infusion_address, infusion_of
from dosing.models import (
    Bag,
    BagMovement,
    CellBank,
    Donation,
    Donor,
    DonorDecision,
    Lot,
    LotCertificate,
    LotDecision,
)  # fmt: skip
from dosing.product_queries.kinds import Target
from dosing.product_queries.log import product_links
from dosing.stock import donor_forms, ledger, stock_forms
from dosing.stock.balance import recipients_of
from dosing.stock.lot_release.release import newest_results, product_of, verdict_of
from dosing.stock.lot_release.release_gaps import release_gaps
from dosing.stock.moving import read_bags
from dosing.stock.result_forms import LotResultsForm
from dosing.stock.stock_views import address_of, sent_on, step
from dosing.stock.words import place_words
from patients.views.files import send_file
from protocol.document.design import EligibilityCriterion
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language

TITLES = {
    "store": gettext_lazy("Store elsewhere"),
    "excursion": gettext_lazy("Temperature excursion"),
    "infused": gettext_lazy("Infused"),
    "return": gettext_lazy("Returned from the ward"),
    "waste": gettext_lazy("Discard"),
    "destroy": gettext_lazy("Destroy"),
    "reverse": gettext_lazy("Undo the last movement"),
    "result": gettext_lazy("Record results"),
    "decide": gettext_lazy("Decide and sign"),
    "receive": gettext_lazy("Receive bags"),
    "donation": gettext_lazy("Record a donation"),
    "bank": gettext_lazy("Record a cell bank"),
    "certificate": gettext_lazy("Attach a certificate"),
    "amend": gettext_lazy("Correct the answers"),
    "judge": gettext_lazy("Assess the excursion"),
    "donor": gettext_lazy("Record a donor"),
    "dispense": gettext_lazy("Hand over to the ward"),
}

STEPS_OF_LOT: dict[str, type[stock_forms.StockForm]] = {
    "result": LotResultsForm,
    **stock_forms.STEPS_OF_LOT,
}
FINDING_TONES = {"": "draft", "pending": "draft", "passed": "done", "failed": "late", "informative": "none"}


@trial_page(see=P.SEE_TREATMENT)
def bag(request: TrialRequest, number: int) -> HttpResponse:
    """Show a bag with its ledger."""
    row = _of_trial(request, Bag, number)
    (held,) = read_bags([row.pk])
    valid = ledger.in_force(held.movements)
    last = valid[-1].target if valid else ledger.Account.SUPPLIER
    rest = held.rest
    links = product_links(
        request.access, Target.BAG_MOVEMENT, [each.pk for each in held.rows if each.patient_id]
    )
    context = {
        "bag": held.bag,
        "rows": [(each, links.get(each.pk, {})) for each in held.rows],
        "zone": request.trial.zone,
        "place": place_words(held.bag, rest[0] if rest else last, held.place),
        "rest": f"{rest[1] / 1000:g}" if rest else "",
        "donor": held.bag.lot.bank.donation.donor if held.bag.lot.bank else None,
        "steps": _steps(request, "dosing:bag-step", row, stock_forms.STEPS_OF_BAG),
        "excursions": [
            each
            for each in held.rows
            if each.kind == "excursion" and not each.reversed_by_id and not each.judged
        ],
        "may_change": request.access.may(P.PREPARE_PRODUCT),
    }
    return render(request, "dosing/stock/bag.html", context)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def bag_step(request: TrialRequest, number: int, kind: str) -> HttpResponse:
    """Record what happened to a bag: stored elsewhere, an excursion, infused, returned, discarded …"""
    return _step(request, _of_trial(request, Bag, number), kind, stock_forms.STEPS_OF_BAG)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def judge(request: TrialRequest, number: int) -> HttpResponse:
    """Decide whether a bag may be used after a temperature excursion."""
    rows = BagMovement.objects.visible_to(request.user).filter(trial=request.trial, kind="excursion")
    row = get_object_or_404(rows.select_related("bag"), pk=number)
    form = stock_forms.JudgementForm(sent_on(request), trial=request.trial, row=row)
    back = address_of(request.trial.slug, row.bag)
    return step(request, form, title=str(TITLES["judge"]), back=back, about=row.bag.number)


@trial_page(see=P.SEE_TREATMENT)
def lot(request: TrialRequest, number: int) -> HttpResponse:
    """Show the record of a lot, its results against the specification, decisions, bags and recipients."""
    row = _of_trial(request, Lot, number, "bank__donation__donor")
    row.trial = request.trial
    results = newest_results(row)
    product, language = product_of(row), reader_language()
    tests = [
        (
            test.title.in_language(language),
            test.limit,
            result,
            FINDING_TONES[result.finding if result else ""],
        )
        for test in (product.tests if product else ())
        for result in [results.get(test.code)]
    ]
    titles = {test.code: test.title.in_language(language) for test in (product.tests if product else ())}
    decisions = LotDecision.objects.filter(lot=row).select_related("recorded_by").order_by("-pk")
    late = [each for each in results.values() if each.late and each.finding == "failed"]
    is_affected = bool(late) or row.status == Lot.Status.RECALLED
    context = {
        "lot": row,
        "tests": tests,
        "missing": release_gaps(row, verdict_of(row, results)),
        "product_title": product.title.in_language(language) if product else "",
        "decisions": [(each, [titles.get(code, code) for code in each.pending]) for each in decisions],
        "bags": Bag.objects.filter(lot=row).order_by("number"),
        "recipients": recipients_of(lot=row),
        "certificates": LotCertificate.objects.filter(lot=row).select_related("recorded_by").order_by("-pk"),
        "exceptional": uses_of(lot=row),
        "late": [(titles.get(each.test, each.test), each.value) for each in late],
        "instruct": reverse("dosing:recipients", args=[request.trial.slug, row.pk])
        if is_affected and request.access.may(P.INSTRUCT)
        else "",
        "steps": _steps(request, "dosing:lot-step", row, STEPS_OF_LOT),
    }
    return render(request, "dosing/stock/lot.html", context)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def lot_step(request: TrialRequest, number: int, kind: str) -> HttpResponse:
    """Record results of a lot, decide about it, receive its bags, or attach a certificate."""
    return _step(request, _of_trial(request, Lot, number), kind, STEPS_OF_LOT)


@trial_page(see=P.SEE_TREATMENT)
def certificate(request: TrialRequest, number: int) -> HttpResponse:
    """Send a certificate of a lot as a download; every look is recorded (AUD-08)."""
    row = _of_trial(request, LotCertificate, number, "lot")
    told = {"file": row.name, "lot": row.lot.number, "sha256": row.sha256}
    return send_file(request, row, told=told, treatment=True)


@trial_page(see=P.SEE_TREATMENT)
def donors(request: TrialRequest) -> HttpResponse:
    """List the donors of the trial."""
    rows = Donor.objects.visible_to(request.user).filter(trial=request.trial).order_by("code")
    context = {"donors": rows, "may_change": request.access.may(P.PREPARE_PRODUCT)}
    return render(request, "dosing/stock/donors.html", context)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def new_donor(request: TrialRequest) -> HttpResponse:
    """Record a donor."""
    form = donor_forms.DonorForm(sent_on(request), trial=request.trial)
    return step(
        request,
        form,
        title=str(TITLES["donor"]),
        back=reverse("dosing:donors", args=[request.trial.slug]),
        done=lambda made: address_of(request.trial.slug, made),
    )


@trial_page(see=P.SEE_TREATMENT)
def donor(request: TrialRequest, number: int) -> HttpResponse:
    """Show a donor: criteria, donations, banks, lots, and every patient who received the cells (ATM-03)."""
    row = _of_trial(request, Donor, number)
    plan, language = request.trial.rules.donors, reader_language()
    criteria = {each.id: each for each in plan.criteria} if plan else {}
    context = {
        "donor": row,
        "findings": [_finding(each, criteria.get(each["id"]), language) for each in row.findings],
        "donations": Donation.objects.filter(donor=row),
        "decisions": DonorDecision.objects.filter(donor=row).select_related("recorded_by").order_by("-pk"),
        "banks": CellBank.objects.filter(donation__donor=row).select_related("donation"),
        "lots": Lot.objects.filter(bank__donation__donor=row),
        "recipients": recipients_of(lot__bank__donation__donor=row),
        "steps": _steps(request, "dosing:donor-step", row, donor_forms.STEPS_OF_DONOR),
    }
    return render(request, "dosing/stock/donor.html", context)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def donor_step(request: TrialRequest, number: int, kind: str) -> HttpResponse:
    """Record a donation or a cell bank of a donor."""
    return _step(request, _of_trial(request, Donor, number), kind, donor_forms.STEPS_OF_DONOR)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def dispense(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Hand the thawed bags of an infusion over to the ward."""
    row = infusion_of(request, code, number)
    form = stock_forms.DispensingForm(sent_on(request), trial=request.trial, row=row)
    back = infusion_address(row, "dosing:preparation")
    return step(
        request, form, title=str(TITLES["dispense"]), back=back, about=row.patient.code, patient=row.patient
    )


def _finding(
    stored: dict[str, Any], criterion: EligibilityCriterion | None, language: str
) -> tuple[str, str, str]:
    """Return a criterion of a donor with its finding in words and its tone, as those of a patient are worded.

    criterion: None if an amendment dropped it; the finding says then what it means for the donor.
    """
    allows = stored["allows"]
    if allows is None:
        words, tone = _("Undetermined"), "draft"
    elif criterion is None:
        words, tone = (_("Allows the donor"), "done") if allows else (_("Forbids the donor"), "late")
    elif criterion.kind == "inclusion":
        words, tone = (_("Met"), "done") if allows else (_("Not met"), "late")
    else:
        words, tone = (_("Absent"), "done") if allows else (_("Present"), "late")
    return criterion.text.in_language(language) if criterion else stored["id"], words, tone


def _of_trial(request: TrialRequest, model: Any, number: int, *related: str) -> Any:
    rows = model.objects.visible_to(request.user).filter(trial=request.trial)
    return get_object_or_404(rows.select_related(*related) if related else rows, pk=number)


def _steps(request: TrialRequest, name: str, row: Any, kinds: dict[str, Any]) -> list[tuple[str, str]]:
    """Return title and address of the steps on a row that the reader may take."""
    if not request.access.may(P.PREPARE_PRODUCT):
        return []
    return [(str(TITLES[kind]), reverse(name, args=[request.trial.slug, row.pk, kind])) for kind in kinds]


def _step(request: TrialRequest, row: Any, kind: str, kinds: dict[str, Any]) -> HttpResponse:
    row.trial = request.trial
    if kind not in kinds:
        raise Http404
    form = kinds[kind](sent_on(request), request.FILES or None, trial=request.trial, row=row)
    back = address_of(request.trial.slug, row)
    return step(request, form, title=str(TITLES[kind]), back=back, about=str(row))
