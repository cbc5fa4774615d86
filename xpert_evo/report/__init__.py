"""What a run has found, read from its store alone: the front, its files, tables and pictures."""
