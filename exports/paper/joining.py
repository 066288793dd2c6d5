"""Join PDFs of the compositor into one tagged PDF, object by object, so that memory does not grow with their pages.

Source: ISO 32000-1, 7.5 (objects, cross-reference table), 7.7.3 (page tree), 12.3.3 (bookmarks), 14.7 (structure).
It reads what our compositor writes, not any PDF: a classic cross-reference table, one flat list of pages, structure
below one element `Document`, text in braces without single ones. Raises ValueError for anything else.
"""

import base64
import hashlib
import mmap
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

# Objects that the parts have in common: numbers in the joined file.
CATALOG, PAGES, OUTLINES, STRUCTURE, DOCUMENT, INFO, METADATA = range(1, 8)
PAGE_LINK: Final = "page:"
"""Start of the address of a link that leads to a page of the joined file, counted from 1: `page:12`."""
STREAM: Final = b">>\nstream\n"
NESTED: Final = rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\))*\)"
# Texts are read as a whole, so that nothing in them is taken for one of the others.
TOKEN: Final = re.compile(
    rb"/ID(?P<id>\([^()\\]*\))|/Headers\[(?P<headers>[^\]]*)\]|(?P<key>/StructParents? )(?P<parent>\d+)"
    rb"|/A<</Type/Action/S/URI/URI\(page:(?P<page>\d+)\)>>|(?P<text>" + NESTED + rb"|<[0-9A-Fa-f]*>)"
    rb"|(?<![\d.])(?P<reference>\d+) 0 R",
    re.DOTALL,
)


@dataclass(eq=False)
class _Part:
    """One PDF. first: number that its first object gets. place: of the part, from 0. parents: keys of the structure
    before it."""

    data: mmap.mmap
    place: int
    first: int = 0
    parents: int = 0
    offsets: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        start = int(self._found(rb"startxref\s+(\d+)\s+%%EOF", self.data[-64:]))
        lines = self.data[start:].split(b"\n")
        if lines[0] != b"xref":
            raise ValueError("the cross-reference table is not the classic one")
        count = int(lines[1].split()[1])
        self.offsets = [int(line[:10]) for line in lines[3 : 2 + count]]
        following = sorted([*self.offsets, start])
        after = dict(pairwise(following))
        self.ends = [after[offset] for offset in self.offsets]
        trailer = b"\n".join(lines[2 + count :])
        self.catalog, self.info = (
            int(self._found(rb"/%s (\d+) 0 R" % name, trailer)) for name in (b"Root", b"Info")
        )
        root = self.body(self.catalog)
        self.pages, self.structure, self.metadata = (
            int(self._found(rb"/%s (\d+) 0 R" % name, root))
            for name in (b"Pages", b"StructTreeRoot", b"Metadata")
        )
        marks = re.search(rb"/Outlines (\d+) 0 R", root)
        self.outlines = int(marks[1]) if marks else 0
        self.document = int(self._found(rb"/K\[(\d+) 0 R\]", self.body(self.structure)))

    @staticmethod
    def _found(pattern: bytes, text: bytes) -> bytes:
        found = re.search(pattern, text)
        if found is None:
            raise ValueError(f"a part has no {pattern.decode()}")
        return found[1]

    def body(self, number: int) -> bytes:
        """Return the object without the lines around it."""
        raw = self.data[self.offsets[number - 1] : self.ends[number - 1]]
        return raw[raw.index(b" obj\n") + 5 : raw.rindex(b"\nendobj")]

    @cached_property
    def shared(self) -> dict[int, int]:
        """Return the objects that become one for all parts."""
        found = {
            self.catalog: CATALOG, self.pages: PAGES, self.structure: STRUCTURE, self.document: DOCUMENT,
            self.info: INFO, self.metadata: METADATA,
        }  # fmt: skip
        return {**found, self.outlines: OUTLINES} if self.outlines else found

    @cached_property
    def _left_out(self) -> list[int]:
        return sorted(self.shared)

    @property
    def own(self) -> int:
        """Return the number of objects that stay its own."""
        return len(self.offsets) - len(self.shared)

    def number(self, own: int) -> int:
        """Return the number of an object in the joined file."""
        if own in self.shared:
            return self.shared[own]
        return self.first + own - 1 - bisect(self._left_out, own)

    def references(self, text: bytes) -> list[int]:
        """Return the objects of an array of references, as numbered in the joined file."""
        return [self.number(int(each)) for each in re.findall(rb"(\d+) 0 R", text)]

    @cached_property
    def kids(self) -> list[int]:
        """Return its pages, as numbered in the joined file."""
        text = self.body(self.pages)
        own = [int(each) for each in re.findall(rb"(\d+) 0 R", self._found(rb"/Kids\[([^\]]*)\]", text))]
        if any(not self.body(page).startswith(b"<</Type/Page/") for page in own):
            raise ValueError("the pages of a part are no flat list")
        return [self.number(page) for page in own]

    @cached_property
    def marks(self) -> tuple[int, int, int] | None:
        """Return its first and last bookmark of the highest level, as numbered in the part, and the number of all."""
        text = self.body(self.outlines) if self.outlines else b""
        if b"/First" not in text:
            return None
        first, last = (int(self._found(rb"/%s (\d+) 0 R" % name, text)) for name in (b"First", b"Last"))
        return first, last, int(self._found(rb"/Count (\d+)", text))

    @cached_property
    def tree(self) -> bytes:
        """Return the root of its structure."""
        return self.body(self.structure)

    @property
    def parent_keys(self) -> int:
        """Return how many keys its pages and links have in the structure."""
        return int(self._found(rb"/ParentTreeNextKey (\d+)", self.tree))

    def renamed(self, identity: bytes) -> bytes:
        """Return the identity of a table header, which is unique in its part only, as unique in the joined file."""
        return b"(P%04d" % self.place + identity[1:]


def join(paths: Sequence[Path], out: Path) -> None:
    """Write the pages of all files as one PDF. Title, author, language and time are those of the first."""
    parts = []
    for place, path in enumerate(paths):
        with path.open("rb") as file:
            parts.append(_Part(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), place))
    first, parents = METADATA + 1, 0
    for part in parts:
        part.first, part.parents = first, parents
        first, parents = first + part.own, parents + part.parent_keys
    with out.open("wb") as file:
        _Writer(file, parts).write(first)


@dataclass
class _Writer:
    """Writes the joined file; `offsets` says where each object begins."""

    file: BinaryIO
    parts: list[_Part]
    offsets: dict[int, int] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    marked: list[tuple[_Part, tuple[int, int, int]]] = field(default_factory=list)

    def write(self, size: int) -> None:
        """Write all objects, the table of their places, and the end. size: one more than the highest number."""
        self.file.write(b"%PDF-1.7\n%\x80\x80\x80\x80\n")
        self.pages = [page for part in self.parts for page in part.kids]
        self.marked = [(part, part.marks) for part in self.parts if part.marks]
        for part in self.parts:
            for own in range(1, len(part.offsets) + 1):
                if own not in part.shared:
                    self._object(part.number(own), b"".join(self._rewritten(part, own)))
        self._common()
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(hashlib.sha256(part.data).digest())
        identity = base64.b64encode(digest.digest()[:16])
        self._about(identity)
        start = self.file.tell()
        self.file.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        for number in range(1, size):
            place = self.offsets.get(number)
            self.file.write(b"0000000000 65535 f \n" if place is None else b"%010d 00000 n \n" % place)
        self.file.write(
            b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[(%s)(%s)]>>\nstartxref\n%d\n%%%%EOF"
            % (size, CATALOG, INFO, identity, identity, start)
        )

    def _object(self, number: int, body: bytes) -> None:
        self.offsets[number] = self.file.tell()
        self.file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))

    def _rewritten(self, part: _Part, own: int) -> Iterator[bytes]:
        """Yield an object of a part with the numbers of the joined file; the bytes of a stream stay."""
        body = part.body(own)
        end = body.find(STREAM) if body.startswith(b"<<") else -1
        head, rest = (body, b"") if end < 0 else (body[:end], body[end:])
        head = self._renumbered(part, head)
        if links := self._neighbours(part, own):
            head = b"<<" + links + head[2:]
        yield head
        yield rest

    def _renumbered(self, part: _Part, text: bytes) -> bytes:
        def new(found: "re.Match[bytes]") -> bytes:
            if found["text"] is not None:
                return found[0]
            if found["reference"] is not None:
                return b"%d 0 R" % part.number(int(found["reference"]))
            if found["parent"] is not None:
                return found["key"] + b"%d" % (int(found["parent"]) + part.parents)
            if found["page"] is not None:
                return b"/Dest[%d 0 R/XYZ 0 842 0]" % self.pages[int(found["page"]) - 1]
            if found["id"] is not None:
                return b"/ID" + part.renamed(found["id"])
            named = re.sub(rb"\([^()]*\)", lambda each: part.renamed(each[0]), found["headers"])
            return b"/Headers[" + named + b"]"

        return TOKEN.sub(new, text)

    def _neighbours(self, part: _Part, own: int) -> bytes:
        """Return the entries that tie the first and last bookmark of a part to those of the parts beside it."""
        if part.marks is None or own not in part.marks[:2]:
            return b""
        place, found = self.marked.index((part, part.marks)), b""
        if own == part.marks[0] and place > 0:
            before, marks = self.marked[place - 1]
            found += b"/Prev %d 0 R" % before.number(marks[1])
        if own == part.marks[1] and place + 1 < len(self.marked):
            after, marks = self.marked[place + 1]
            found += b"/Next %d 0 R" % after.number(marks[0])
        return found

    def _common(self) -> None:
        """Write the objects that the parts share: catalogue, pages, bookmarks and the root of the structure."""
        catalog = self._renumbered(self.parts[0], self.parts[0].body(self.parts[0].catalog))
        if self.marked and not self.parts[0].outlines:
            catalog = catalog.removesuffix(b">>") + b"/Outlines %d 0 R>>" % OUTLINES
        self._object(CATALOG, catalog)
        listed = b" ".join(b"%d 0 R" % page for page in self.pages)
        self._object(PAGES, b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self.pages), listed))
        if self.marked:
            (begin, first), (end, last) = self.marked[0], self.marked[-1]
            self._object(
                OUTLINES,
                b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>"
                % (
                    begin.number(first[0]),
                    end.number(last[1]),
                    sum(marks[2] for _part, marks in self.marked),
                ),
            )
        self._object(STRUCTURE, self._structure())
        inner = b" ".join(
            self._renumbered(part, part._found(rb"/K\[(.*)\]", part.body(part.document)))
            for part in self.parts
        )
        self._object(DOCUMENT, b"<</Type/StructElem/S/Document/P %d 0 R/K[%s]>>" % (STRUCTURE, inner))

    def _structure(self) -> bytes:
        roles = self.parts[0]._found(rb"/RoleMap<<(.*?)>>", self.parts[0].tree)
        numbers: list[bytes] = []
        names: list[bytes] = []
        for part in self.parts:
            for key, number in re.findall(rb"(\d+) (\d+) 0 R", part._found(rb"/Nums\[([^\]]*)\]", part.tree)):
                numbers.append(b"%d %d 0 R" % (int(key) + part.parents, part.number(int(number))))
            if b"/IDTree" in part.tree:
                found = part._found(rb"/Names\[([^\]]*)\]", part.tree)
                for identity, number in re.findall(rb"(\([^()]*\))(\d+) 0 R", found):
                    names.append(b"%s%d 0 R" % (part.renamed(identity), part.number(int(number))))
        keys = self.parts[-1].parents + self.parts[-1].parent_keys
        return (
            b"<</Type/StructTreeRoot/RoleMap<<%s>>/K[%d 0 R]/ParentTree<</Nums[%s]>>/IDTree<</Names[%s]>>"
            b"/ParentTreeNextKey %d>>" % (roles, DOCUMENT, b" ".join(numbers), b"".join(names), keys)
        )

    def _about(self, identity: bytes) -> None:
        """Write title, author and times, and as XML besides the number of pages and an identity of the joined file."""
        part = self.parts[0]
        self._object(INFO, part.body(part.info))
        body = part.body(part.metadata)
        start = body.index(STREAM) + len(STREAM)
        xml = body[start : body.rindex(b"\nendstream")]
        xml = re.sub(rb"(<xmpTPg:NPages>)\d+", rb"\g<1>%d" % len(self.pages), xml)
        xml = re.sub(rb"(<xmpMM:(?:Instance|Document)ID>)[^<]*", rb"\g<1>" + identity, xml)
        self._object(
            METADATA, b"<</Length %d/Type/Metadata/Subtype/XML>>\nstream\n%s\nendstream" % (len(xml), xml)
        )
