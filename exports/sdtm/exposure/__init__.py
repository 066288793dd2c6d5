"""Infusions in SDTM: what was collected (EC) and what reached the patient (EX)."""
