"""Names shared by the steps of a run: batches, and kinds of lines in the diary."""

FIRST, FINALISTS = "first", "finalists"
"""Batches before the first round and after the last one."""

NATIVE = "native"
"""Batch of trainings at native size, after the finalists."""

REFINED = "native-refined"
"""Batch of networks of `NATIVE` whose peripherals were chosen again."""

AFTER_SEARCH = frozenset({FINALISTS, NATIVE, REFINED})
"""Batches whose accuracies are not labels of the search."""

SECOND_PHASE = "second-phase"
"""Batch of the first designs of the second phase in the two-phase mode."""

STEADY = "steady"
"""All designs of the steady-state schedule after the first ones."""

WORKING = "working"
"""Kind of the diary's lines on the process working on the run, as JSON: `host`, `process` and `n_workers`."""

REUSED = "reused"
"""Batch of labels reused from other runs."""

HOMOGENEOUS = "homogeneous"
"""Role of a rival at native size; the other designs have the role `SEARCHED`."""

SEARCHED = "searched"
"""All batches of the search, where they are counted together."""


def round_name(round_: int) -> str:
    """The batch of a round, from 1."""
    return f"round-{round_}"
