"""Define-XML 2.1: the metadata of the data sets of one package, as they are in it.

A code list holds the terms that the data use; terms that the sponsor added are marked. Value-level metadata describe
the result of each test and the value of each supplemental qualifier, and name the items of the annotated forms. Types,
lengths and decimals are those of the data; a variable that has none is marked. What was collected refers to the pages
of the annotated forms on which it is annotated, as they were set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exports.sdtm.acrf.references import PageReferences
from exports.sdtm.methods import method_of, methods
from exports.sdtm.observations import domain_of
from exports.sdtm.spool import DomainData, ValueUse
from exports.sdtm.standard.tables import IG_VERSION, TERMINOLOGY, DomainVariable, code_lists
from exports.sdtm.study import Study

ODM: Final = "http://www.cdisc.org/ns/odm/v1.3"
DEF: Final = "http://www.cdisc.org/ns/def/v2.1"
XLINK: Final = "http://www.w3.org/1999/xlink"
XML: Final = "http://www.w3.org/XML/1998/namespace"
IG, CT = "STD.SDTMIG", "STD.CT"
FORMS_LEAF: Final = "LF.acrf"
TABLE_LEAF: Final = "LF.acrftable"
NOTE_LEAF: Final = "LF.note"
FORMS_FILE, TABLE_FILE, NOTE_FILE, DEFINE_FILE = "acrf.pdf", "acrf.csv", "reviewers_note.md", "define.xml"
NO_DATA: Final = "COM.NODATA"
NO_DATA_COMMENT: Final = (
    "The guide expects this variable, or it is the study day of a date; the study has no data for it."
)
DAY_LENGTH: Final = 10
# Variables that hold terms of MedDRA; a number is the code of one.
MEDDRA: Final = frozenset({"AELLT", "AELLTCD", "AEDECOD", "AEBODSYS", "AESOC"})
SOURCES: Final = {
    "Collected": "Investigator",
    "Derived": "Sponsor",
    "Assigned": "Sponsor",
    "Protocol": "Sponsor",
}
MASKED_COMMENT: Final = (
    "The arms are masked in this package: the planned and the actual arm of every subject is MASKED, and there is"
    " neither EX nor any other record that depends on the arm."
)


def define_xml(
    study: Study, sets: Sequence[DomainData], forms: PageReferences, *, created: str, version: str
) -> bytes:
    """Return the file. forms: pages of the annotated forms. created: ISO 8601 with offset; version: of this program."""
    from lxml import etree

    document = _Document(etree, study, sets, forms)
    root = document.root(created, version)
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return text


@dataclass
class _Document:
    etree: Any
    study: Study
    sets: Sequence[DomainData]
    forms: PageReferences

    def add(self, parent: Any, tag: str, text: str | None = None, /, **attributes: str | None) -> Any:
        """Add an element: `def_Class` is one of Define-XML, attributes likewise; None leaves an attribute out."""
        found = {_qualified(name): value for name, value in attributes.items() if value is not None}
        made = self.etree.SubElement(parent, _qualified(tag, element=True), found)
        made.text = text
        return made

    def words(self, parent: Any, tag: str, text: str) -> Any:
        """Add a description, decode or document title: a translated text in English."""
        made = self.add(parent, tag)
        self.add(made, "TranslatedText", text, xml_lang="en")
        return made

    def root(self, created: str, version: str) -> Any:
        slug = self.study.trial.slug
        root = self.etree.Element(
            f"{{{ODM}}}ODM", nsmap={None: ODM, "def": DEF, "xlink": XLINK}, attrib={
                "FileType": "Snapshot", "FileOID": f"DEF.{slug}.{created}", "ODMVersion": "1.3.2",
                "CreationDateTime": created, "AsOfDateTime": created, "Originator": "Stroma",
                "SourceSystem": "Stroma", "SourceSystemVersion": version, f"{{{DEF}}}Context": "Other",
            },
        )  # fmt: skip
        study = self.add(root, "Study", OID=f"ST.{slug}")
        names = self.add(study, "GlobalVariables")
        self.add(names, "StudyName", self.study.study_id)
        self.add(names, "StudyDescription", self.study.rules.trial.title.in_language("en"))
        self.add(names, "ProtocolName", self.study.name)
        data = self.add(
            study, "MetaDataVersion", OID=f"MDV.{slug}", Name=f"{self.study.study_id} SDTM",
            Description=f"SDTM data sets of {self.study.study_id}", def_DefineVersion="2.1.0",
            def_CommentOID="COM.MASKED" if self.study.hides_arms else None,
        )  # fmt: skip
        self._standards(data)
        self._value_lists(data)
        for made in self.sets:
            self._data_set(data, made)
        for made in self.sets:
            for variable in made.variables:
                self._variable(data, made, variable)
            self._values(data, made)
        self._code_lists(data)
        self._methods(data)
        if self.study.hides_arms:
            self.words(self.add(data, "def_CommentDef", OID="COM.MASKED"), "Description", MASKED_COMMENT)
        self.words(self.add(data, "def_CommentDef", OID=NO_DATA), "Description", NO_DATA_COMMENT)
        self._leaf(data, FORMS_LEAF, FORMS_FILE, "Annotated case report forms")
        self._leaf(data, TABLE_LEAF, TABLE_FILE, "Annotated case report forms, as a table")
        self._leaf(data, NOTE_LEAF, NOTE_FILE, "Note for the reviewer")
        return root

    def _standards(self, data: Any) -> None:
        found = self.add(data, "def_Standards")
        self.add(found, "def_Standard", OID=IG, Name="SDTMIG", Type="IG", Version=IG_VERSION, Status="Final")
        self.add(
            found, "def_Standard", OID=CT, Name="CDISC/NCI", Type="CT", PublishingSet="SDTM", Version=TERMINOLOGY,
            Status="Final",
        )  # fmt: skip
        self.add(self.add(data, "def_AnnotatedCRF"), "def_DocumentRef", leafID=FORMS_LEAF)
        documents = self.add(data, "def_SupplementalDoc")
        for leaf in (NOTE_LEAF, TABLE_LEAF):
            self.add(documents, "def_DocumentRef", leafID=leaf)

    def _leaf(self, parent: Any, name: str, href: str, title: str) -> None:
        leaf = self.add(parent, "def_leaf", ID=name, xlink_href=href)
        self.add(leaf, "def_title", title)

    def _value_lists(self, data: Any) -> None:
        for made in self.sets:
            if name := valued(made):
                found = self.add(data, "def_ValueListDef", OID=f"VL.{made.name}.{name}")
                for order, code in enumerate(sorted(made.values), start=1):
                    ref = self.add(
                        found, "ItemRef", ItemOID=f"IT.{made.name}.{name}.{code}", OrderNumber=str(order),
                        Mandatory="No", MethodOID=f"MT.{code}" if code in _qualifier_methods(made) else None,
                    )  # fmt: skip
                    self.add(ref, "def_WhereClauseRef", WhereClauseOID=f"WC.{made.name}.{code}")
        for made in self.sets:
            for code in sorted(made.values) if valued(made) else ():
                where = self.add(data, "def_WhereClauseDef", OID=f"WC.{made.name}.{code}")
                key = f"IT.{made.name}.{'QNAM' if made.is_supplement else f'{made.name}TESTCD'}"
                check = self.add(where, "RangeCheck", Comparator="EQ", SoftHard="Soft", def_ItemOID=key)
                self.add(check, "CheckValue", code)

    def _data_set(self, data: Any, made: DomainData) -> None:
        known = domain_of(made.name)
        reference = known.of_class == "TRIAL DESIGN"
        once = made.name in ("DM",)
        group = self.add(
            data, "ItemGroupDef", OID=f"IG.{made.name}", Name=made.name, Domain=made.name.removeprefix("SUPP"),
            Repeating="No" if once else "Yes", IsReferenceData="Yes" if reference else "No", SASDatasetName=made.name,
            Purpose="Tabulation", def_Structure=known.structure, def_StandardOID=IG,
            def_ArchiveLocationID=f"LF.{made.name}",
        )  # fmt: skip
        self.words(group, "Description", made.label)
        for order, variable in enumerate(made.variables, start=1):
            key = known.keys.index(variable.name) + 1 if variable.name in known.keys else None
            derived = variable.origin == "Derived" and made.has(variable)
            self.add(
                group, "ItemRef", ItemOID=f"IT.{made.name}.{variable.name}", OrderNumber=str(order),
                Mandatory="Yes" if variable.core == "Req" else "No", KeySequence=str(key) if key else None,
                MethodOID=f"MT.{method_of(variable)}" if derived else None, Role=variable.role,
                def_HasNoData=None if made.has(variable) else "Yes",
            )  # fmt: skip
        self.add(group, "def_Class", Name=known.of_class)
        self._leaf(group, f"LF.{made.name}", f"xpt/{made.name.lower()}.xpt", f"{made.name.lower()}.xpt")

    def _variable(self, data: Any, made: DomainData, variable: DomainVariable) -> None:
        kind, length = kind_of(variable, made)
        item = self.add(
            data, "ItemDef", OID=f"IT.{made.name}.{variable.name}", Name=variable.name, SASFieldName=variable.name,
            DataType=kind, Length=length, def_CommentOID=None if made.has(variable) else NO_DATA,
            SignificantDigits=str(made.decimals.get(variable.name, 0)) if kind == "float" else None,
        )  # fmt: skip
        self.words(item, "Description", variable.label)
        if made.terms.get(variable.name):
            self.add(item, "CodeListRef", CodeListOID=f"CL.{made.name}.{variable.name}")
        if self._is_of_meddra(made, variable):
            self.add(item, "CodeListRef", CodeListOID=f"CL.MEDDRA.{_meddra_type(variable)}")
        # The values of a qualifier have origins of their own.
        if made.has(variable) and not (made.is_supplement and variable.name == valued(made)):
            self._origin(item, variable.origin, self.forms.of_variable(made.name, variable.name))
        if variable.name == valued(made):
            self.add(item, "def_ValueListRef", ValueListOID=f"VL.{made.name}.{variable.name}")

    def _origin(self, item: Any, origin: str, pages: Iterable[int], sources: Iterable[str] = ()) -> None:
        """Add the origin. pages: of the annotated forms, for what was collected."""
        found = self.add(item, "def_Origin", Type=origin, Source=SOURCES[origin])
        if items := ", ".join(sorted(sources)):
            self.words(found, "Description", f"Items of the annotated forms: {items}")
        if origin == "Collected":
            document = self.add(found, "def_DocumentRef", leafID=FORMS_LEAF)
            if numbers := " ".join(map(str, pages)):
                self.add(document, "def_PDFPageRef", PageRefs=numbers, Type="PhysicalRef")

    def _values(self, data: Any, made: DomainData) -> None:
        name = valued(made)
        for code, use in sorted(made.values.items()) if name else ():
            kind, length = kind_of_value(use)
            item = self.add(
                data, "ItemDef", OID=f"IT.{made.name}.{name}.{code}", Name=code, SASFieldName=name, DataType=kind,
                Length=length, SignificantDigits=str(use.decimals) if kind == "float" else None,
            )  # fmt: skip
            self.words(item, "Description", use.label or code)
            pages = self.forms.of_value(made.name, code, use.sources)
            self._origin(item, use.origin, pages, use.sources)

    def _code_lists(self, data: Any) -> None:
        for made in self.sets:
            for variable in made.variables:
                if terms := made.terms.get(variable.name):
                    self._code_list(data, made, variable, sorted(terms))
        used = {
            _meddra_type(variable)
            for made in self.sets
            for variable in made.variables
            if self._is_of_meddra(made, variable)
        }
        for kind in sorted(used):
            found = self.add(
                data, "CodeList", OID=f"CL.MEDDRA.{kind}", Name=f"MedDRA ({kind})", DataType=kind
            )
            self.add(found, "ExternalCodeList", Dictionary="MedDRA", Version=self.study.meddra)

    def _is_of_meddra(self, made: DomainData, variable: DomainVariable) -> bool:
        return variable.name in MEDDRA and made.has(variable)

    def _code_list(self, data: Any, made: DomainData, variable: DomainVariable, terms: Sequence[str]) -> None:
        known = code_lists().get(variable.codelist)
        found = self.add(
            data, "CodeList", OID=f"CL.{made.name}.{variable.name}",
            Name=f"{known.name if known else variable.label} ({made.name}.{variable.name})",
            DataType="text", def_StandardOID=CT if known else None, def_IsNonStandard=None if known else "Yes",
        )  # fmt: skip
        decoded = variable.name == f"{made.name}TESTCD"
        for term in terms:
            code = known.terms.get(term) if known else None
            added = "Yes" if known and term not in known.terms else None
            tag = "CodeListItem" if decoded else "EnumeratedItem"
            item = self.add(found, tag, CodedValue=term, def_ExtendedValue=added)
            if decoded:
                self.words(item, "Decode", made.values[term].label or term)
            if code:
                self.add(item, "Alias", Context="nci:ExtCodeID", Name=code)
        if known:
            self.add(found, "Alias", Context="nci:ExtCodeID", Name=known.code)

    def _methods(self, data: Any) -> None:
        used = {
            method_of(variable)
            for made in self.sets
            for variable in made.variables
            if variable.origin == "Derived" and made.has(variable)
        }
        used |= {name for made in self.sets for name in _qualifier_methods(made)}
        for name in sorted(used):
            title, text = methods()[name]
            method = self.add(data, "MethodDef", OID=f"MT.{name}", Name=title, Type="Computation")
            self.words(method, "Description", text)


def _meddra_type(variable: DomainVariable) -> str:
    return "integer" if variable.is_number else "text"


def _qualified(name: str, *, element: bool = False) -> str:
    prefix, _dash, rest = name.partition("_")
    spaces = {"def": DEF, "xlink": XLINK, "xml": XML}
    if rest and prefix in spaces:
        return f"{{{spaces[prefix]}}}{rest}"
    return f"{{{ODM}}}{name}" if element else name


def _qualifier_methods(made: DomainData) -> list[str]:
    """Return the names of the qualifiers whose derivation is stated."""
    return [code for code in made.values if code in methods()] if made.is_supplement else []


def valued(made: DomainData) -> str:
    """Return the variable that value-level metadata describe: QVAL or --ORRES; empty if there is none."""
    if not made.values:
        return ""
    return "QVAL" if made.is_supplement else f"{made.name}ORRES"


def kind_of(variable: DomainVariable, made: DomainData) -> tuple[str, str | None]:
    """Return data type and length of a variable; a date and a duration have no length."""
    longest, length = made.lengths.get(variable.name), str(made.lengths.get(variable.name) or 1)
    if variable.name.endswith("DTC"):
        return _kind_of_moments(made.shortest.get(variable.name), longest), None
    if variable.name.endswith("DUR"):
        return "durationDatetime", None
    if not variable.is_number:
        return "text", length
    return ("integer" if is_integer(variable) else "float"), length


def _kind_of_moments(shortest: int | None, longest: int | None) -> str:
    """Return the type that holds every moment of a variable: whole days, days known in part, or with a time.

    A time is known to the minute, which is a part of `datetime`.
    """
    if longest is None or longest > DAY_LENGTH:
        return "partialDatetime"
    return "date" if shortest == DAY_LENGTH else "partialDate"


def is_integer(variable: DomainVariable) -> bool:
    """Return whether a number is always whole: sequence numbers, days, orders, age, codes of MedDRA."""
    whole = ("SEQ", "DY", "TPTNUM", "TAETORD", "LLTCD", "PTCD", "HLTCD", "HLGTCD", "BDSYCD", "SOCCD")
    return variable.name.endswith(whole) or variable.name in ("AGE", "LEVEL")


def kind_of_value(use: ValueUse) -> tuple[str, str]:
    """Return data type and length of the values of a test or qualifier."""
    if not (use.numeric and use.length):
        return "text", str(use.length or 1)
    return ("float" if use.decimals else "integer"), str(use.length)
