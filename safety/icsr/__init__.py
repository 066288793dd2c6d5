"""Individual case safety reports, E2B(R3): the case, its rules, its XML and the acknowledgement. No Django.

`case` holds what a report says, `conformance` lists what is missing or wrong by element id, `writing` and `reading`
turn a case into XML and back, `acknowledgement` reads the answer of the authority.
"""
