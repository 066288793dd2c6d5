"""Numbers in addresses: never more digits than a column of the database takes."""


class Number:
    """A number of up to nine digits; an address with a longer one does not exist."""

    regex = "[0-9]{1,9}"

    def to_python(self, text: str) -> int:
        """Return the number."""
        return int(text)

    def to_url(self, number: int | str) -> str:
        """Return the number as an address holds it."""
        return str(number)
