"""The forms of the bedside and of the cell laboratory. No clinical input has a default (DAT-01)."""
