"""`report.html`: one self-contained file. `document` assembles it from the parts in the other modules."""
