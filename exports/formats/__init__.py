"""One module for each format of an export: all take the same tables and stream their rows."""
