"""The forms of a page as a browser would send them. Standard library alone: the bench reads older commits by it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

Fields = dict[str, list[str]]
UNSENT = {"submit", "button", "reset", "file", "image"}
TYPED = {"text", "email", "search", "tel", "url"}


@dataclass
class PageForm:
    """One form: where it is sent, its inputs as they stand, and its buttons as (name, value, attributes).

    texts: names of the inputs into which a person types.
    """

    attributes: dict[str, str]
    fields: Fields = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)

    def button(self, **wanted: str) -> dict[str, str]:
        """Return name and value that a button sends; raises StopIteration if there is none with these attributes."""
        asked = {name.replace("_", "-"): value for name, value in wanted.items()}
        found = next(each for each in self.buttons if asked.items() <= each.items())
        return {found["name"]: found.get("value", "")} if "name" in found else {}

    def sent(self, *, button: dict[str, str] | None = None, **answers: str | list[str]) -> Fields:
        """Return what is sent after a person gave these answers and pressed a button.

        Raises KeyError for an answer to which the form has no input: a person could not give it.
        """
        if unknown := answers.keys() - self.names:
            raise KeyError(f"the form has no input {sorted(unknown)}; it has {sorted(self.names)}")
        result = {name: [text] if isinstance(text, str) else list(text) for name, text in answers.items()}
        pressed = {name: [value] for name, value in (button or {}).items()}
        return {**self.fields, **result, **pressed}


class _Reader(HTMLParser):
    """Collects forms; an input outside a form belongs to the one that its attribute names."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._open: PageForm | None = None
        self._select: tuple[str, bool] | None = None
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        result = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = PageForm(result)
            self.forms.append(self._open)
            return
        form = self._of(result.get("form", ""))
        if form is None:
            return
        if tag == "button" or (tag == "input" and result.get("type") in UNSENT):
            form.buttons.append(result)
        if tag == "option" and self._select:
            name, _any = self._select
            form.choices.setdefault(name, []).append(result.get("value", ""))
            if "selected" in result or name not in form.fields:
                form.fields[name] = [result.get("value", "")]
        name = result.get("name", "")
        if not name or tag not in {"input", "select", "textarea"}:
            return
        form.names.add(name)
        if (tag == "textarea" or (tag == "input" and result.get("type", "text") in TYPED)) and not (
            "readonly" in result or "disabled" in result
        ):
            form.texts.add(name)
        if tag == "select":
            self._select = (name, "multiple" in result)
        elif tag == "textarea":
            self._text = name
            form.fields[name] = [""]
        else:
            self._input(form, name, result)

    def _input(self, form: PageForm, name: str, told: dict[str, str]) -> None:
        kind, value = told.get("type", "text"), told.get("value", "")
        if kind in {"checkbox", "radio"}:
            form.choices.setdefault(name, []).append(value or "on")
            if "checked" in told:
                form.fields.setdefault(name, []).append(value or "on")
        elif kind not in UNSENT:
            form.fields.setdefault(name, []).append(value)

    def _of(self, name: str) -> PageForm | None:
        if not name:
            return self._open
        return next((form for form in self.forms if form.attributes.get("id") == name), self._open)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text and self._open:
            self._open.fields[self._text][-1] += data.removeprefix("\n")


def forms(page: str) -> list[PageForm]:
    """Return the forms of a page in its order."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def form_with(page: str, **attributes: str) -> PageForm:
    """Return the first form with these attributes; raises StopIteration if the page has none."""
    return next(form for form in forms(page) if attributes.items() <= form.attributes.items())
