#!/bin/sh
# odmlib 0.2.1 (PyPI): a study with two versions is refused, and every value seems to have an audit record.
#
# A small CDISC ODM 1.3.2 file that is valid by the schema which odmlib ships: a study with one or two MetaDataVersions
# (an amendment keeps its items, so both define the same OIDs) and one value without an audit record.
#
#   odm.verify_oids(checker)     with one version True, with two OdmlibOIDError: "OID SE.D1 is not unique", beside the
#                                hint "Each OID must be unique within a MetaDataVersion", which they are
#   item.AuditRecord             of a value that has none: an empty AuditRecord, which is true and not None, while
#                                item.Signature and item.MeasurementUnitRef of the same value are None
#
# Expected: OIDs are compared within each MetaDataVersion, as the hint and the schema say (its key UC-MDV-OID-unique is
# in MetaDataVersion), and an element that the file does not have is None, as the others are.
#
# Consequence: split a file by version before its references are checked; and do not count audit records by
# `item.AuditRecord is not None`: look at `item.AuditRecord.UserRef`.
#
# Seen on 2026-11-30, Python 3.11, Linux x86_64:
#   odmlib 0.2.1
#   1 version   schema: valid   verify_oids: True
#   2 versions  schema: valid   verify_oids: OdmlibOIDError
#   AuditRecord: AuditRecord true, UserRef None | Signature: None | MeasurementUnitRef: None
#
# Exits with 0 while this is so, with 1 if it has changed, with 2 if the package cannot be installed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check odmlib==0.2.1 || exit 2

cat > "$folder/read.py" <<'PYTHON'
import sys
from importlib.metadata import version

from odmlib.loader import ODMLoader
from odmlib.odm_loader import XMLODMLoader
from odmlib.odm_parser import ODMSchemaValidator
from odmlib.oid_generator import create_oid_checker

NAMESPACE = "http://www.cdisc.org/ns/odm/v1.3"
DEFINED = """<MetaDataVersion OID="MD.{0}" Name="Version {0}">
<StudyEventDef OID="SE.D1" Name="Day 1" Repeating="No" Type="Scheduled"><FormRef FormOID="FO.VS" Mandatory="Yes"/></StudyEventDef>
<FormDef OID="FO.VS" Name="Vital signs" Repeating="No"><ItemGroupRef ItemGroupOID="IG.VS" Mandatory="Yes"/></FormDef>
<ItemGroupDef OID="IG.VS" Name="Vital signs" Repeating="No"><ItemRef ItemOID="IT.PULSE" Mandatory="Yes"/></ItemGroupDef>
<ItemDef OID="IT.PULSE" Name="Pulse" DataType="integer" Length="3"/></MetaDataVersion>"""
STUDY = """<?xml version="1.0" encoding="UTF-8"?>
<ODM xmlns="{namespace}" FileType="Snapshot" FileOID="F.1" CreationDateTime="2026-01-01T00:00:00Z" ODMVersion="1.3.2">
<Study OID="ST.1"><GlobalVariables><StudyName>S</StudyName><StudyDescription>S</StudyDescription>
<ProtocolName>P</ProtocolName></GlobalVariables>{versions}</Study>
<ClinicalData StudyOID="ST.1" MetaDataVersionOID="MD.1"><SubjectData SubjectKey="001"><StudyEventData StudyEventOID="SE.D1">
<FormData FormOID="FO.VS"><ItemGroupData ItemGroupOID="IG.VS"><ItemData ItemOID="IT.PULSE" Value="72"/></ItemGroupData>
</FormData></StudyEventData></SubjectData></ClinicalData></ODM>"""


def outcome(call):
    try:
        return str(call())
    except Exception as error:
        return type(error).__name__


changed = False
print(f"odmlib {version('odmlib')}")
for count, expected in ((1, "True"), (2, "OdmlibOIDError")):
    versions = "".join(DEFINED.format(number) for number in range(1, count + 1))
    with open("study.xml", "w", encoding="utf-8") as file:
        file.write(STUDY.format(namespace=NAMESPACE, versions=versions))
    # Raises if the file is not valid.
    ODMSchemaValidator(standard="odm", version="1.3.2").validate_file("study.xml")
    loader = ODMLoader(XMLODMLoader(model_package="odm_1_3_2", ns_uri=NAMESPACE, local_model=False))
    loader.open_odm_document("study.xml")
    odm = loader.load_odm()
    seen = outcome(lambda: odm.verify_oids(create_oid_checker("odm_1_3_2")))
    print(f"{count} version{'s' if count > 1 else ' '}  schema: valid   verify_oids: {seen}")
    changed |= seen != expected
item = odm.ClinicalData[0].SubjectData[0].StudyEventData[0].FormData[0].ItemGroupData[0].ItemData[0]
record = item.AuditRecord
print(
    f"AuditRecord: {type(record).__name__} {str(bool(record)).lower()}, UserRef {getattr(record, 'UserRef', '')}"
    f" | Signature: {item.Signature} | MeasurementUnitRef: {item.MeasurementUnitRef}"
)
changed |= (record is None, bool(record), item.Signature, item.MeasurementUnitRef) != (False, True, None, None)
sys.exit(changed)
PYTHON
cd "$folder"
"$folder/venv/bin/python" read.py
