"""The base of every part of a protocol file."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen part of the protocol. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)
