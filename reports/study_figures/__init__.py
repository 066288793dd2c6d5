"""Figures of a trial: one module for each figure, one page for all of them, and files to print (OUT-06)."""
