"""CDISC ODM: definitions of every protocol version, the data of every patient, and how they came about.

`definitions` holds what a version defines, free of XML. `captured` and `facts` say which items captured forms and other
rows of a patient become; `study_sources` reads rows in chunks of patients; `snapshot` and `transactions` write them.
`odm1_definitions` writes ODM 1.3.2, `odm2_definitions` ODM 2.0. The identifiers are in `oids`, and in docs/files.md.
"""
