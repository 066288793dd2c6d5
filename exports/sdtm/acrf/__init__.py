"""The annotated forms as PDF, and the pages of it to which Define-XML refers."""
