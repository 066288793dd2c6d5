"""Addresses of infusions, preparations, product deviations, the allocation list and unblinding."""

from django.urls import path

from dosing import listing_views
from dosing.allocation import views as allocation_views
from dosing.bedside import views as bedside_views
from dosing.envelopes import reserve_views
from dosing.envelopes import views as envelope_views
from dosing.exceptional import exceptional_views
from dosing.infusions import bedside_views as views
from dosing.levels import level_views
from dosing.masked import views as masked_views
from dosing.product_queries import views as query_views
from dosing.products import deviation_views, product_views
from dosing.stock import chain_views, stock_views
from dosing.stock.labels import label_views
from dosing.unblinding import instruction_views
from dosing.unblinding import views as unblinding_views
from dosing.worksheet import views as worksheet_views

INFUSION = "patients/<str:code>/infusions/<number:number>/"
EXCEPTIONAL = f"{INFUSION}exceptional-use/<number:lot>/"
QUERY = "product-queries/<number:number>/"
FACT = "patients/<str:code>/product-facts/<str:target>/<number:key>/<str:item>/"
DEVIATION = "patients/<str:code>/product-deviations/<number:number>/"

STOCK = "stock/"

app_name = "dosing"
urlpatterns = [
    path("dose-levels/", level_views.levels, name="levels"),
    path("infusions/", listing_views.listing, name="listing"),
    path("allocation/", listing_views.allocation, name="allocation"),
    path("allocation/upload/", allocation_views.upload, name="allocation-upload"),
    path("allocation/hash/", allocation_views.commitment, name="allocation-commitment"),
    path("kits/", allocation_views.kits, name="kits"),
    path("kits/labels/", label_views.kits, name="kits-labels"),
    path("unblindings/", unblinding_views.unblindings, name="unblindings"),
    path("unblindings/open/", unblinding_views.planned, name="planned-unblinding"),
    path("recalls/", instruction_views.instructions, name="instructions"),
    path("recalls/<number:number>/", instruction_views.recipients, name="recipients"),
    path(
        "patients/<str:code>/recalls/<number:number>/instruct/",
        instruction_views.issue,
        name="instruction-new",
    ),
    path(
        "patients/<str:code>/instructions/<number:number>/", instruction_views.instruction, name="instruction"
    ),
    path("patients/<str:code>/unblinding/", unblinding_views.emergency, name="unblinding"),
    path("patients/<str:code>/unblinding/susar/", unblinding_views.susar, name="susar-unblinding"),
    path("patients/<str:code>/unblinding/exposure/", unblinding_views.exposure, name="exposure"),
    path("envelopes/", envelope_views.envelopes, name="envelopes"),
    path("envelopes/print/", envelope_views.make, name="envelopes-print"),
    path("envelopes/codes/", envelope_views.codes, name="envelope-codes"),
    path("envelopes/reserve/", reserve_views.reserves, name="reserves"),
    path("envelopes/reserve/print/", reserve_views.make, name="reserves-print"),
    path("envelopes/reserve/codes/", reserve_views.codes, name="reserve-codes"),
    path("blank-worksheets/", envelope_views.blank_worksheets, name="blank-worksheets"),
    path("masked-results/", masked_views.listing, name="masked-results"),
    path(
        "patients/<str:code>/masked-results/<str:visit>/<str:form>/",
        masked_views.results,
        name="masked-result",
    ),
    path(INFUSION, views.infusion, name="infusion"),
    path(f"{INFUSION}weight/", views.weight, name="weight"),
    path(f"{INFUSION}not-given/", views.not_given, name="not-given"),
    path(f"{INFUSION}bedside/", bedside_views.bedside, name="bedside"),
    path(f"{INFUSION}bedside/decision/", bedside_views.decide, name="bedside-decision"),
    path(f"{INFUSION}bedside/give-before/", bedside_views.give_before, name="give-before"),
    path(f"{INFUSION}preparation/", product_views.preparation, name="preparation"),
    path(f"{INFUSION}preparation/dose/", product_views.dose, name="dose"),
    path(f"{INFUSION}worksheet/", worksheet_views.worksheet, name="worksheet"),
    path(f"{INFUSION}kit/label/", label_views.kit, name="kit-label"),
    path(f"{INFUSION}override/", worksheet_views.override, name="override"),
    path(f"{INFUSION}kit/", worksheet_views.kit, name="kit-check"),
    path(f"{INFUSION}exceptional-use/", exceptional_views.uses, name="exceptional-uses"),
    path(f"{INFUSION}exceptional-use/new/", exceptional_views.ask, name="exceptional-ask"),
    path(f"{EXCEPTIONAL}evaluation/", exceptional_views.evaluation, name="exceptional-evaluation"),
    path(f"{EXCEPTIONAL}decision/", exceptional_views.decision, name="exceptional-decision"),
    path(f"{EXCEPTIONAL}notice/", exceptional_views.notice, name="exceptional-notice"),
    path("product-queries/", query_views.queries, name="product-queries"),
    path("product-queries/close/", query_views.close_many, name="product-queries-close"),
    path("product-queries/ask/<str:target>/", query_views.ask, name="product-queries-ask"),
    path(QUERY, query_views.query, name="product-query"),
    path(f"{QUERY}answer/", query_views.answer, name="product-query-answer"),
    path(f"{QUERY}close/", query_views.close, name="product-query-close"),
    path(f"{QUERY}reopen/", query_views.reopen, name="product-query-reopen"),
    path(FACT, query_views.fact, name="product-fact"),
    path(f"{FACT}withdraw/", query_views.withdraw, name="product-fact-withdraw"),
    path("product-verification/", query_views.verification, name="product-verification"),
    path("patients/<str:code>/product-verification/", query_views.verify, name="product-verify"),
    path("product-deviations/", deviation_views.listing, name="product-deviations"),
    path("patients/<str:code>/product-deviations/new/", deviation_views.new, name="product-deviation-new"),
    path(DEVIATION, deviation_views.deviation, name="product-deviation"),
    path(f"{DEVIATION}classify/", deviation_views.classify, name="product-deviation-classify"),
    path(f"{DEVIATION}amend/", deviation_views.amend, name="product-deviation-amend"),
    path(f"{DEVIATION}strike-out/", deviation_views.strike_out, name="product-deviation-strike"),
    path(f"{INFUSION}dispense/", chain_views.dispense, name="dispense"),
    path(STOCK, stock_views.stock, name="stock"),
    path(f"{STOCK}movements/", stock_views.movements, name="movements"),
    path(f"{STOCK}lots/new/", stock_views.new_lot, name="lot-new"),
    path(f"{STOCK}lots/<number:number>/", chain_views.lot, name="lot"),
    path(f"{STOCK}lots/<number:number>/labels/", label_views.lot, name="lot-labels"),
    path(f"{STOCK}lots/<number:number>/<str:kind>/", chain_views.lot_step, name="lot-step"),
    path(f"{STOCK}bags/<number:number>/", chain_views.bag, name="bag"),
    path(f"{STOCK}bags/<number:number>/label/", label_views.bag, name="bag-label"),
    path(f"{STOCK}bags/<number:number>/<str:kind>/", chain_views.bag_step, name="bag-step"),
    path(f"{STOCK}excursions/<number:number>/", chain_views.judge, name="excursion"),
    path(f"{STOCK}certificates/<number:number>/", chain_views.certificate, name="certificate"),
    path(f"{STOCK}donors/", chain_views.donors, name="donors"),
    path(f"{STOCK}donors/new/", chain_views.new_donor, name="donor-new"),
    path(f"{STOCK}donors/<number:number>/", chain_views.donor, name="donor"),
    path(f"{STOCK}donors/<number:number>/<str:kind>/", chain_views.donor_step, name="donor-step"),
]
