"""Rehearsal of a protocol file: invented patients and every page, in a database that is thrown away afterwards."""
