"""The refusal of an identifier that cannot be one. No Django."""


class IdentifierRefused(ValueError):
    """The text is no such identifier. `code` names the mistake, `text` is what was read, `part` the wrong part."""

    def __init__(self, code: str, text: str, part: str = "") -> None:
        super().__init__(f"{code}: {text!r} {part!r}")
        self.code, self.text, self.part = code, text, part
