"""Titles of infusions, products, allocation and unblinding in the audit trail."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from audit.trail_reading.change_labels import Reader
from audit.trail_reading.row_titles import SEPARATOR, TitleMaker, title
from dosing.bedside.gaps import checklist_words
from dosing.models import Infusion, InfusionStep, ProductDeviation, ProductQuery, WorksheetStep
from dosing.product_queries.kinds import KINDS
from dosing.stock.trail_titles import TITLES as OF_THE_STOCK
from dosing.worksheet.screen import VALUE_TITLES, value_title
from patients.casebook.row_titles import deviation_words, fact_label


def _preparation(row: Any, reader: Reader) -> str:
    infusion = reader.find(Infusion, row.infusion_id)
    return _("Product of infusion %(number)s") % {"number": infusion.number if infusion else ""}


def _slot(row: Any, reader: Reader) -> str:
    told = {"position": row.position, "stratum": row.stratum}
    if row.stratum:
        return _("Allocation slot %(position)s of stratum %(stratum)s") % told
    return _("Allocation slot %(position)s") % told


def _at_bedside(words: Callable[[Any], str]) -> TitleMaker:
    """Return a maker of titles for a row of the bedside: its infusion, and what `words` says of it."""

    def title(row: Any, reader: Reader) -> str:
        infusion = reader.find(Infusion, row.infusion_id)
        told = {"number": infusion.number if infusion else "", "what": words(row)}
        return _("Infusion %(number)s: %(what)s") % told

    return title


def _step(row: Any) -> str:
    return str(InfusionStep.Kind(row.kind).label)


def _worksheet_step(row: Any, reader: Reader) -> str:
    return _("Worksheet: %(step)s") % {"step": WorksheetStep.Kind(row.kind).label}


def _fact(row: Any, reader: Reader) -> str:
    """Return the subject of a query or a mark on the product: the fact, and the row that it is of."""
    kind = KINDS[row.target]
    found = reader.find(kind.model, row.target_id)
    named = title(kind.model, found, reader) if found is not None else str(kind.name)
    words = VALUE_TITLES.get(row.item) if kind.model is WorksheetStep else None
    label = str(words) if words else fact_label(kind.model, row.item)
    return f"{label}{SEPARATOR}{named}" if row.item else named


def _message(row: Any, reader: Reader) -> str:
    query = reader.find(ProductQuery, row.query_id)
    if query is None:
        return _("Message in a query")
    return _("Message in the query on %(item)s") % {"item": _fact(query, reader)}


TITLES: dict[str, TitleMaker] = {
    **OF_THE_STOCK,
    "dosing.allocationcommitment": lambda row, reader: _("Hash of the allocation list"),
    "dosing.allocationlist": lambda row, reader: _("Allocation list"),
    "dosing.allocationslot": _slot,
    "dosing.bedsidegap": _at_bedside(lambda row: _("decision on something missing")),
    "dosing.bedsideobservation": _at_bedside(lambda row: _("observation")),
    "dosing.envelope": lambda row, reader: _("Envelope E-%(number)s") % {"number": row.number},
    "dosing.envelopecheck": lambda row, reader: _("Check of an envelope"),
    "dosing.reserveenvelope": lambda row, reader: _("Reserve envelope R-%(number)s") % {"number": row.number},
    "dosing.reservecheck": lambda row, reader: _("Check of a reserve envelope"),
    "dosing.givebefore": _at_bedside(lambda row: _("give before")),
    "dosing.infusioneventcheck": _at_bedside(lambda row: checklist_words(row.hours)),
    "dosing.infusionstep": _at_bedside(_step),
    "dosing.stopdecision": _at_bedside(lambda row: _("decision on a proposed stop")),
    "dosing.infusion": lambda row, reader: _("Infusion %(number)s") % {"number": row.number},
    "dosing.kit": lambda row, reader: _("Kit %(number)s") % {"number": row.number},
    "dosing.kitcheck": lambda row, reader: _("Kit %(number)s compared at the bedside") % {"number": row.kit},
    "dosing.lateinfusion": lambda row, reader: _("Infusion documented late"),
    "dosing.maskedresult": lambda row, reader: _("Masked result %(item)s") % {"item": row.item},
    "dosing.plannedunblinding": lambda row, reader: _("Planned unblinding"),
    "dosing.levelopening": lambda row, reader: _("Opening of dose level %(level)s") % {"level": row.level},
    "dosing.levelpatient": lambda row, reader: _("Dose level %(level)s") % {"level": row.level},
    "dosing.preparation": _preparation,
    "dosing.productmark": lambda row, reader: (
        _("Source verification of %(what)s") % {"what": _fact(row, reader)}
    ),
    "dosing.productquery": lambda row, reader: _("Query on %(item)s") % {"item": _fact(row, reader)},
    "dosing.productquerymessage": _message,
    "dosing.productdeviation": partial(deviation_words, ProductDeviation),
    "dosing.recipientsopening": lambda row, reader: _("Opening of the recipients of a lot"),
    "dosing.stopoverride": lambda row, reader: _("Hard stop overridden"),
    "dosing.treatmentinstruction": lambda row, reader: _("Instruction %(number)s") % {"number": row.number},
    "dosing.unblinding": lambda row, reader: _("Unblinding"),
    "dosing.worksheetstep": _worksheet_step,
}
PARTS = {("dosing.worksheetstep", "values"): value_title}
