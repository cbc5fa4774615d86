"""Names that the steps of a run share: its batches, and the diary's lines about who is at work."""

FIRST, FINALISTS = "first", "finalists"
"""Batches before the first round and after the last one."""

SECOND_PHASE = "second-phase"
"""What the second phase of the two-phase mode begins with."""

STEADY = "steady"
"""All designs of the steady-state schedule after the first ones."""

WORKING = "working"
"""Kind of the diary's lines that say who goes on with the run, as JSON: `host`, `process` and `n_workers`."""

REUSED = "reused"
"""Labels that other runs have made."""

SEARCHED = "searched"
"""All batches but the finalists, where they are counted together."""


def round_name(round_: int) -> str:
    """The batch of a round, from 1."""
    return f"round-{round_}"
