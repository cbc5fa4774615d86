"""The report of a refinement: a page, pictures, `front.json` and a design file for each choice."""
