"""`report.html`: one self-contained file. `document` assembles it from the other modules."""
