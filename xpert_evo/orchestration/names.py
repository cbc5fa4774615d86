"""Names shared by the steps of a run: batches, and kinds of lines in the diary."""

FIRST, FINALISTS = "first", "finalists"
"""Batches before the first round and after the last one."""

SECOND_PHASE = "second-phase"
"""Batch of the first designs of the second phase in the two-phase mode."""

STEADY = "steady"
"""All designs of the steady-state schedule after the first ones."""

WORKING = "working"
"""Kind of the diary's lines on the process working on the run, as JSON: `host`, `process` and `n_workers`."""

REUSED = "reused"
"""Batch of labels reused from other runs."""

SEARCHED = "searched"
"""All batches except the finalists, where they are counted together."""


def round_name(round_: int) -> str:
    """The batch of a round, from 1."""
    return f"round-{round_}"
