"""The limits of a run in words, for titles and summaries."""

from xpert_evo.config import RunConfig


def chip_limit_words(config: RunConfig) -> str:
    """The limits on the chip: `tiles of at most 50 mm², latency of at most 900 µs`; empty without any."""
    hardware = config.hardware
    limits = (
        ("tiles", hardware.area_limit_mm2, "mm²"),
        ("latency", hardware.latency_limit_us, "µs"),
        ("energy", hardware.energy_limit_uj, "µJ"),
    )
    return ", ".join(f"{name} of at most {limit:g} {unit}" for name, limit, unit in limits if limit is not None)


def limit_words(config: RunConfig) -> str:
    """All limits, those on predicted and measured accuracy, too."""
    search = config.search
    least = (("accuracy", search.least_accuracy), ("accuracy under device noise", search.least_robustness))
    parts = [f"{name} of at least {100 * limit:g} %" for name, limit in least if limit is not None]
    return ", ".join(part for part in (chip_limit_words(config), *parts) if part)
