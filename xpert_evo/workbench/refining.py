"""`refine`: chooses the peripherals of a trained network again."""

from contextlib import closing
from pathlib import Path

from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.errors import InterruptedRunError, UsageError
from xpert_evo.executors import MAKERS
from xpert_evo.hardware import Hardware
from xpert_evo.locks import acquired
from xpert_evo.orchestration.refining import Refinable, Refinement, Refining, prepare, refine_on_chips
from xpert_evo.orchestration.refining.chip_choices import possible_chips
from xpert_evo.orchestration.refining.spaces import baseline_task
from xpert_evo.paths import user_path
from xpert_evo.progress import Listener, Message, Silent, choose_listener
from xpert_evo.report.pictures.common import number
from xpert_evo.report.refining.writing import write_refinement
from xpert_evo.report.words import baseline_words, is_published
from xpert_evo.words import listed
from xpert_evo.workbench.arguments import AnyPath, Settings, settings_of


def refine(
    weights: AnyPath,
    *,
    out: AnyPath,
    config: Settings = None,
    refining: Refining | None = None,
    quiet: bool = True,
) -> Refinement:
    """Chooses column sharing, ADCs, input bits and more for each layer of a trained network, like `xpert-evo refine`.

    Measures what each layer's peripherals do to the network's class probabilities on a few hundred validation images,
    chooses the best peripherals of all layers for a range of prices, measures the choices, and goes on from there until
    nothing moves. Writes a report, `front.json`, and the designs and networks of the front. An interrupted call goes on
    where it stopped when it is repeated.

    Measurements run in separate processes, so a script must guard the call with `if __name__ == "__main__":`.

    Args:
        weights: A file written by `train` or `pack`, or the folder of a training, at native size.
        out: Folder to write.
        config: Settings, or some of them by dotted name. Those of `space` say what peripherals may become, those of
            `hardware` set the chip and its limits; crossbars default to those of the training.
        refining: Numbers of images and rounds, the loss to aim at, and whether to tune the weights; None for the
            defaults, which take fewer validation images where a data set has not as many.
        quiet: Whether to print no progress.

    Returns:
        The front as `result.front`, by falling EDAP.

    Raises:
        XpertEvoError: Any error that the command line would report.
    """
    with closing(choose_listener(quiet=quiet)) as listener:
        network = prepare(user_path(weights), settings_of(config), refining or Refining(), listener)
        return carry_out(network.on_own_chip(), user_path(out), listener)


@own_numerics()
def carry_out(network: Refinable, folder: Path, listener: Listener) -> Refinement:
    """Refines a network in a folder and writes the report there."""
    settings = network.config.executor
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise UsageError(f"{folder} cannot be created ({failure.strerror}); choose another folder.") from None
    lock = acquired(
        folder / "refine.lock",
        busy=UsageError(f"another process refines a network in {folder}; wait for it, or choose another folder."),
        unwritable=lambda why: UsageError(f"{folder} cannot be written to ({why}); choose another folder."),
    )
    executor = MAKERS[settings.kind](settings, None, lambda text: listener.tell(Message(text=text)))
    try:
        result = refine_on_chips(network, folder, executor=executor, listener=listener)
        write_refinement(folder, result, settings=_words(network, result))
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"stopped; all measurements are kept in {folder}. The same command will go on there."
        ) from None
    finally:
        executor.close()
        listener.close()
        lock.release()
    return result


def baseline_lines(network: Refinable) -> list[str]:
    """The baseline of EDAP ratios, its EDAP, and whether it is another one than the published baseline."""
    task = baseline_task(network.config, network.dataset)
    edap = number(float(task.own_costs(task.baseline)["edap"][0]))
    lines = [f"baseline: {baseline_words(task)}; EDAP {edap} mm² µs µJ"]
    if not is_published(task):
        lines.append(
            "The space lacks the published baseline, so EDAP ratios differ from those of `run` and `show` in the "
            "whole space; compare EDAP itself."
        )
    return lines


def _words(network: Refinable, result: Refinement) -> str:
    dataset, hardware, refining = network.dataset, Hardware.of(network.config), network.refining
    tuned = f"; weights tuned by {refining.tune}" if refining.tune else ""
    names = [name for name, _ in result.trained.edap_ratios]
    worst = f" It is the worst case of the cost models {listed(names)}, each relative to the baseline." if names else ""
    chips = [one.words for one in possible_chips(network, Silent()) if one.words]
    in_turn = f" The chips were tried in turn: {listed(chips)}." if chips else ""
    baseline, *narrowed = baseline_lines(network)
    return (
        f"{dataset.name}; costs for device {hardware.device.name}, {hardware.words}, weights coded "
        f"{hardware.crossbar.coding.value}.{in_turn} Class probabilities of {refining.n_images:,} validation images "
        f"are those of ideal devices. Designs are compared on {result.trained.n_judged:,} other images, on "
        f"{result.devices}{tuned}. EDAP is compared with that of the {baseline}."
        f"{worst}{''.join(f' {one}' for one in narrowed)}"
    )
