"""Who is who around the trial: whom a notice reaches, and what each role must have read."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from protocol.document.items import Part, Text
from protocol.document.written_values import Line, Name

RoleCode = Literal[
    "coordinator", "investigator", "principal_investigator", "cell_laboratory", "pharmacist", "monitor",
    "unblinded_monitor", "data_manager", "statistician", "blinded_statistician", "sponsor_representative",
    "sponsor_safety", "data_monitoring_board", "administrator", "inspector",
]  # fmt: skip
Mail = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class Contact(Part):
    """Whom a notice reaches: an office or a person, at least by mail or by telephone."""

    name: Line
    function: Line | None = None
    organisation: Line | None = None
    email: Mail | None = None
    telephone: Line | None = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.email is None and self.telephone is None:
            raise ValueError("a contact needs an email or a telephone")
        return self


class Contacts(Part):
    """Who the sponsor is for a notice. Without `sponsor_safety` notices of safety go to `sponsor`."""

    sponsor: Contact
    sponsor_safety: Contact | None = None
    principal_investigator: Contact | None = None
    monitor: Contact | None = None
    data_monitoring_board: Contact | None = None
    ethics_committee: Contact | None = None

    @property
    def safety(self) -> Contact:
        """Where serious adverse events are reported."""
        return self.sponsor_safety or self.sponsor

    @property
    def named(self) -> tuple[tuple[str, Contact], ...]:
        """The contacts that are given, each with its key."""
        rows = ((name, getattr(self, name)) for name in type(self).model_fields)
        return tuple((name, contact) for name, contact in rows if contact is not None)


class PlannedOpening(Part):
    """The roles for which the planned unblinding opens the treatment, after the lock of a masked trial."""

    planned: Annotated[tuple[RoleCode, ...], Field(min_length=1)]


class TrainingDocument(Part):
    """A document or instruction in one version, the roles that must have read it, and where it is found."""

    id: Name
    title: Text
    version: Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$", max_length=40)]
    roles: Annotated[tuple[RoleCode, ...], Field(min_length=1)]
    where: Line | None = None


class TrainingFile(Part):
    """The documents that an installation names for all its trials."""

    training: Annotated[tuple[TrainingDocument, ...], Field(min_length=1)]
