"""The check of a copy without server and database, which lies in each copy as one file, `verify.py`."""
