"""Elements of an ODM file. lxml is imported when a file is written: a web process does without it until then."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from exports.odm.definitions import Translated

if TYPE_CHECKING:
    from lxml.etree import _Element as Element
else:
    Element = Any

ODM1: Final = "http://www.cdisc.org/ns/odm/v1.3"
ODM2: Final = "http://www.cdisc.org/ns/odm/v2.0"
LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
# Characters that XML 1.0 cannot hold, and their replacement: no page takes them, but a name in a trail may have one.
_FORBIDDEN: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")
_FORBIDDEN_CHARACTERS: Final = frozenset(map(chr, _FORBIDDEN))


def text_of(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    if text.isprintable() or _FORBIDDEN_CHARACTERS.isdisjoint(text):
        return text
    return text.translate(_FORBIDDEN)


class Nodes:
    """Makes the elements of one namespace. text_type: media type of each translated text, where the format names it."""

    def __init__(self, namespace: str, *, text_type: str = "") -> None:
        from lxml import etree

        self._of_each = {"Type": text_type}

        self.namespace = namespace
        self._element, self._child = etree.Element, etree.SubElement
        self._prefix = f"{{{namespace}}}"
        # None names the default namespace, which the types of lxml do not know.
        self._spaces: Any = {None: namespace}

    def name(self, tag: str) -> str:
        """Return the qualified name of a tag."""
        return self._prefix + tag

    def root(self, tag: str, **attributes: str) -> "Element":
        """Return an element without a parent. Empty attributes are left out."""
        return self._element(self.name(tag), self._kept(attributes), nsmap=self._spaces)

    def add(self, parent: "Element", tag: str, text: str = "", /, **attributes: str) -> "Element":
        """Return a new child. Empty attributes are left out."""
        made = self._child(parent, self._prefix + tag, self._kept(attributes))
        if text:
            made.text = text_of(text)
        return made

    def set(self, element: "Element", name: str, value: str) -> None:
        """Set an attribute."""
        element.set(name, text_of(value))

    def translated(self, parent: "Element", tag: str, texts: Translated) -> None:
        """Add a child with a text in each language; nothing without a text."""
        if not any(texts.values()):
            return
        made = self.add(parent, tag)
        for language, text in texts.items():
            self.add(made, "TranslatedText", text, **self._of_each).set(LANGUAGE, language)

    def _kept(self, attributes: Mapping[str, str]) -> dict[str, str]:
        return {name: text_of(value) for name, value in attributes.items() if value}


def yes(flag: bool) -> str:
    """Return Yes or No."""
    return "Yes" if flag else "No"
