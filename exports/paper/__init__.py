"""Documents on paper. The Python modules collect the content as texts; the templates beside them set the layout."""
