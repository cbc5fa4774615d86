"""Settings of all tests: machines are shared and noisy, so nothing is judged by how long it took."""

from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
