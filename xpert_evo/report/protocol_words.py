"""What accuracies of a training protocol are good for, in a sentence for the terminal and the page."""

from xpert_evo.accuracy.training.protocols import trains_proxies

_RANKING_NOTHING = frozenset({"smoke"})


def worth_of(protocol: str) -> str:
    """What may be concluded from accuracies of the protocol called so."""
    if protocol in _RANKING_NOTHING:
        return f"Numbers of '{protocol}' rank nothing, they only show that a run works: search with 'laptop' to choose."
    if trains_proxies(protocol):
        words = "this ranks designs and is not the accuracy at native size."
        return f"'{protocol}' trains a smaller proxy of each network: {words}"
    return f"'{protocol}' trains the networks themselves, at native width."
