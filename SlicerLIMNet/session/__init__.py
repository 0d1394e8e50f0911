"""A session: one object of a volume from clicks to masks, with its history and its journal."""
