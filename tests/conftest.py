"""Settings of all tests: machines are shared and noisy, so nothing is judged by how long it took."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_terminal_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that a test reads is not wrapped to the width of whoever runs it."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def quick_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `--dry-run` measures speeds for a tenth of a second, not for ten; the times that it tells are not judged."""
    for place in (
        "orchestration.estimate.BUDGET_S",
        "orchestration.stage_times.BUDGET_S",
        "cli.training_plan._BUDGET_S",
    ):
        monkeypatch.setattr(f"xpert_evo.{place}", 0.1)
    monkeypatch.setattr("xpert_evo.orchestration.refining.estimate._BUDGET_S", 0.1)
