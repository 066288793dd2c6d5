"""Models of infusions at the bedside and, apart from them, of all that depends on the arm: allocation, product;
and who was unblinded."""

from dosing.models.allocation import AllocationCommitment, AllocationList, AllocationSlot
from dosing.models.bags import Bag, BagMovement
from dosing.models.bedside import (
    BedsideGap,
    BedsideObservation,
    GiveBefore,
    InfusionEventCheck,
    InfusionStep,
    StopDecision,
)
from dosing.models.donors import CellBank, Donation, Donor, DonorDecision
from dosing.models.envelopes import Envelope, EnvelopeCheck
from dosing.models.exceptional import ExceptionalStep, LotCertificate
from dosing.models.infusions import BEDSIDE, BEDSIDE_FACTS, Infusion, awaited, in_turn
from dosing.models.instructions import RecipientsOpening, TreatmentInstruction
from dosing.models.kits import Kit
from dosing.models.levels import LevelOpening, LevelPatient
from dosing.models.lots import Lot, LotDecision, LotResult
from dosing.models.masked import MaskedResult
from dosing.models.product_queries import ProductMark, ProductQuery, ProductQueryMessage, ProductTarget
from dosing.models.products import Preparation, ProductDeviation
from dosing.models.reserves import ReserveCheck, ReserveEnvelope
from dosing.models.treatments import SlotQuerySet, TreatmentQuerySet
from dosing.models.unblinding import PlannedUnblinding, Unblinding
from dosing.models.worksheets import KitCheck, LateInfusion, StopOverride, WorksheetStep

__all__ = [
    "BEDSIDE",
    "BEDSIDE_FACTS",
    "AllocationCommitment",
    "AllocationList",
    "AllocationSlot",
    "Bag",
    "BagMovement",
    "BedsideGap",
    "BedsideObservation",
    "CellBank",
    "Donation",
    "Donor",
    "DonorDecision",
    "Envelope",
    "EnvelopeCheck",
    "ExceptionalStep",
    "GiveBefore",
    "Infusion",
    "InfusionEventCheck",
    "InfusionStep",
    "Kit",
    "KitCheck",
    "LateInfusion",
    "LevelOpening",
    "LevelPatient",
    "Lot",
    "LotCertificate",
    "LotDecision",
    "LotResult",
    "MaskedResult",
    "PlannedUnblinding",
    "Preparation",
    "ProductDeviation",
    "ProductMark",
    "ProductQuery",
    "ProductQueryMessage",
    "ProductTarget",
    "RecipientsOpening",
    "ReserveCheck",
    "ReserveEnvelope",
    "SlotQuerySet",
    "StopDecision",
    "StopOverride",
    "TreatmentInstruction",
    "TreatmentQuerySet",
    "Unblinding",
    "WorksheetStep",
    "awaited",
    "in_turn",
]
