"""The analysis data sets and their variables, with the derivation of each (tables of this folder)."""
