"""Public data sets in the layout in which each is published, one file a format."""
