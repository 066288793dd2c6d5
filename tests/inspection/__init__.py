"""What inspectors ask, answered on the pages of the role inspector and compared with the database."""
