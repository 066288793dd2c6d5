"""Read the PDFs that the application writes: text without line breaks of the layout, and structure."""

import io
import re
from collections.abc import Iterator
from ctypes import create_string_buffer
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from pypdf import PdfReader
from pypdf.generic import Destination

BREAKS = re.compile(r"[\s\u200b\u00ad\x02]+")


def joined(text: str) -> str:
    """Return the text without white space, break marks and hyphens: the layout may put them anywhere."""
    return BREAKS.sub("", text.replace("‐", "-")).replace("-", "")


class Paper:
    """The text and the tags of a PDF."""

    def __init__(self, data: bytes | Path) -> None:
        self.data = data.read_bytes() if isinstance(data, Path) else data
        self.reader = PdfReader(io.BytesIO(self.data), strict=True)
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

    def bookmarks(self) -> list[tuple[int, str, int]]:
        """Return level (from 0), title and page (from 0) of each bookmark in order."""
        number = self.reader.get_destination_page_number
        return [(level, str(mark.title), number(mark)) for level, mark in self.destinations()]

    def destinations(self) -> list[tuple[int, Destination]]:
        """Return level (from 0) and destination of each bookmark in order."""
        return list(self._destinations(self.reader.outline, 0))

    def _destinations(self, found: list[Any], level: int) -> Iterator[tuple[int, Destination]]:
        for each in found:
            if isinstance(each, Destination):
                yield level, each
            else:
                yield from self._destinations(each, level + 1)

    def spoken(self) -> list[tuple[str, str]]:
        """Return what a screen reader says, without heads and feet of pages: tag and text of each element in order.

        The text is that of the element itself, not of those inside it, and `joined`.
        """
        said: list[tuple[str, str]] = []
        pages = {page.indirect_reference.idnum: number for number, page in enumerate(self.reader.pages)}
        self._speak(self.root["/StructTreeRoot"]["/K"], 0, (said, pages, self._marked_texts()))
        return [(tag, joined(text)) for tag, text in said]

    def _speak(self, node: Any, page: int, told: tuple[list[tuple[str, str]], dict[int, int], Any]) -> None:
        said, pages, texts = told
        node = node.get_object()
        if isinstance(node, list):
            for each in node:
                self._speak(each, page, told)
        elif isinstance(node, int):
            tag, text = said[-1]
            said[-1] = tag, text + texts.get((page, node), "")
        else:
            page = pages[node.raw_get("/Pg").idnum] if "/Pg" in node else page
            if "/S" in node:
                said.append((str(node["/S"]), ""))
            inner = node.get("/MCID", node.get("/K"))
            if inner is not None:
                self._speak(inner, page, told)

    def _marked_texts(self) -> dict[tuple[int, int], str]:
        """Return the text of each marked piece of the pages, by number of the page and of the mark."""
        found: dict[tuple[int, int], str] = {}
        document = pypdfium2.PdfDocument(self.data)
        for number, page in enumerate(document):
            textpage = page.get_textpage()
            for each in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT]):
                mark = pdfium.FPDFPageObj_GetMarkedContentID(each.raw)
                size = pdfium.FPDFTextObj_GetText(each.raw, textpage.raw, None, 0)
                buffer = create_string_buffer(size * 2)
                pdfium.FPDFTextObj_GetText(
                    each.raw, textpage.raw, pdfium.cast(buffer, pdfium.POINTER(pdfium.c_ushort)), size
                )
                text = buffer.raw[:size].decode("utf-16-le", "ignore").rstrip("\0")
                found[number, mark] = found.get((number, mark), "") + text
        return found
