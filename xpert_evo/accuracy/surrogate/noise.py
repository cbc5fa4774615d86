"""The noise that every surrogate model must at least assume."""


def least_noise_variance(noise_std: float) -> float:
    """Smallest variance of standardised labels that a model must attribute to noise."""
    return max(noise_std**2, 0.01)
