"""Samples of a protocol: what is taken at which visits, how it is divided, and how it is kept until it is measured."""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from protocol.document.design import WhenAsked
from protocol.document.items import Part, Text
from protocol.document.written_values import Count, Number, ShortCode

COLDEST_C, WARMEST_C = -273, 60
MOST_ALIQUOTS: Final = 99
MOST_MINUTES: Final = 60 * 24 * 7

Specimen = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9 ,()/-]*$", max_length=60)]
"""A term of the codelist of specimen types (CDISC SPECTYPE), such as PLASMA."""
ResultPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
"""A form, or one item of a form."""
VisitCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$", max_length=20)]
Temperature = Annotated[Number, Field(ge=COLDEST_C, le=WARMEST_C)]


def _ordered(pair: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first number is larger than the second: [{pair[0]}, {pair[1]}]")
    return pair


def _sample_visit(value: object) -> object:
    return {"visit": value} if isinstance(value, str) else value


class SampleVisit(Part):
    """A visit at which a sample is taken: ``required``, or only if it is possible (``available``)."""

    visit: VisitCode
    when: WhenAsked = "required"


class SamplePlan(Part):
    """A kind of sample: its specimen, visits and aliquots, the forms of its results, and how it is kept.

    ``storage_c``: lowest and highest temperature of its place in degrees Celsius. ``freeze_within_minutes``: most
    minutes from the collection to the freezing; a sample without this key is not frozen.
    """

    code: ShortCode
    title: Text
    specimen: Specimen
    aliquots: Annotated[Count, Field(le=MOST_ALIQUOTS)]
    volume_ml: Annotated[Number, Field(gt=0, lt=1000)]
    visits: Annotated[tuple[Annotated[SampleVisit, BeforeValidator(_sample_visit)], ...], Field(min_length=1)]
    results: tuple[ResultPath, ...] = ()
    storage_c: Annotated[tuple[Temperature, Temperature], AfterValidator(_ordered)]
    freeze_within_minutes: Annotated[Count, Field(le=MOST_MINUTES)] | None = None

    @model_validator(mode="after")
    def _freezes_below_zero(self) -> Self:
        if self.freeze_within_minutes is not None and self.storage_c[1] > 0:
            raise ValueError("a sample that is frozen is kept below 0 °C: storage_c = [-90, -65]")
        return self

    @cached_property
    def when_at(self) -> dict[str, WhenAsked]:
        """Return by code of the visit whether the sample is required there."""
        return {each.visit: each.when for each in self.visits}

    @property
    def required_visits(self) -> tuple[str, ...]:
        """Return the codes of the visits at which the sample is required."""
        return tuple(each.visit for each in self.visits if each.when == "required")
