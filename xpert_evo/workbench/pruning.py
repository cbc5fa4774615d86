"""`prune`: chooses smaller channel depths for a trained network."""

from contextlib import closing

from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.pruning import Pruned, prune_channels
from xpert_evo.orchestration.refining import Refinable, Refining, prepare
from xpert_evo.paths import user_path
from xpert_evo.progress import Listener, choose_listener
from xpert_evo.workbench.arguments import AnyPath, Settings, settings_of


def prune(
    weights: AnyPath,
    *,
    config: Settings = None,
    loss: float = 0.02,
    least_gain: float = 0.02,
    images: int = 400,
    judged: int = 1_000,
    quiet: bool = True,
) -> list[Pruned]:
    """Chooses smaller channel depths for a trained network, like `xpert-evo prune`.

    One layer after another is narrowed to a smaller depth of the space: the one that lowers EDAP most for how far it
    moves the class probabilities. Nothing is trained; `train` with the design, `start_from` and `teacher` does that.

    Args:
        weights: A file written by `train` or `pack`, or the folder of a training, at native size.
        config: Settings, or some of them by dotted name. Those of `space` offer depths, those of `hardware` set the
            chip; crossbars default to those of the training.
        loss: Most loss of accuracy without training, a fraction.
        least_gain: Least fraction by which a step lowers EDAP; steps that gain less are not made.
        images: Number of validation images, from the first, on which class probabilities are compared.
        judged: Number of the validation images after these on which accuracy is measured.
        quiet: Whether to print no progress.

    Returns:
        The unpruned network and every step, by falling EDAP. `[-1].design` has the smallest depths, and its
        `to_json()` is the text of a design file.

    Raises:
        XpertEvoError: Any error that the command line would report.
    """
    with closing(choose_listener(quiet=quiet)) as listener:
        refining = Refining(n_images=images, n_judged=judged)
        network = prepare(user_path(weights), settings_of(config), refining, listener).on_own_chip()
        return carry_out(network, listener, loss=loss, least_gain=least_gain)


@own_numerics()
def carry_out(network: Refinable, listener: Listener, *, loss: float, least_gain: float) -> list[Pruned]:
    """Prunes a network that was read; raises UsageError."""
    if not 0 <= loss < 1:
        raise UsageError(f"the loss of accuracy must be from 0 to below 1 (100 points), got {loss:g}.")
    if not 0 <= least_gain < 1:
        raise UsageError(f"the least gain must be from 0 to below 1 (100 percent), got {least_gain:g}.")
    return prune_channels(network, listener, loss=loss, least_gain=least_gain)
