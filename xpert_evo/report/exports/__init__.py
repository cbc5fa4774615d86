"""Designs in the formats of other tools: `formats` lists them; `networks` and `simulators` write the larger ones."""
