"""The description of the tables of an export: columns, codes, keys and joins, and the data dictionary."""
