"""Settings of all tests: machines are shared and noisy, so nothing is judged by how long it took."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_terminal_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that a test reads is not wrapped to the width of whoever runs it."""
    monkeypatch.delenv("COLUMNS", raising=False)
