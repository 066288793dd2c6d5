"""Report packs: tables of a trial as of a moment, set as one PDF (ICH E3, E9; reports of a data monitoring board)."""
