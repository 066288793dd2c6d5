"""Read the PDFs that the application writes: text without line breaks of the layout, and structure."""

import io
import re
from pathlib import Path
from typing import Any

from pypdf import PdfReader

BREAKS = re.compile(r"[\s\u200b\u00ad]+")


def joined(text: str) -> str:
    """Return the text without white space, break marks and hyphens: the layout may put them anywhere."""
    return BREAKS.sub("", text.replace("‐", "-")).replace("-", "")


class Paper:
    """The text and the tags of a PDF."""

    def __init__(self, data: bytes | Path) -> None:
        whole = data.read_bytes() if isinstance(data, Path) else data
        self.reader = PdfReader(io.BytesIO(whole), strict=True)
        self.pages = [page.extract_text() for page in self.reader.pages]
        self.text = joined("".join(self.pages))

    def holds(self, text: str) -> bool:
        """Return whether a text is printed, however it is broken into lines."""
        return joined(text) in self.text

    @property
    def root(self) -> Any:
        """Return the catalogue of the PDF."""
        return self.reader.trailer["/Root"]

    def structure(self) -> list[str]:
        """Return the tags of the document in reading order."""
        found, waiting = [], [self.root["/StructTreeRoot"]]
        while waiting:
            node = waiting.pop()
            node = node.get_object() if hasattr(node, "get_object") else node
            if not isinstance(node, dict):
                continue
            if "/S" in node:
                found.append(str(node["/S"]))
            children = node.get("/K", [])
            children = children.get_object() if hasattr(children, "get_object") else children
            waiting += reversed(children if isinstance(children, list) else [children])
        return found
