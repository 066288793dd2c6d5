"""Adverse-event tables for the public registers EudraCT and ClinicalTrials.gov, counted from the same rows. No Django.

`rows` holds what is counted, `table` counts it, `eudract` and `ctgov` write it, `problems` lists what a register would
refuse.
"""
