"""Adverse events of a trial in tables and figures, over all arms: groups, worst grades, grades over time."""
