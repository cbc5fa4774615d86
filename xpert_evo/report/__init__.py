"""Results of a run, read only from its store: the front, its files, tables and pictures."""
