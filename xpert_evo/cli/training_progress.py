"""Progress of a training and its judgement in lines: step, images per second, and time left."""

import time
from collections.abc import Callable

from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.cli.ticker import Ticker
from xpert_evo.words import duration


class TrainingProgress:
    """Follows the steps and epochs of one training.

    The time left covers the training steps and is extrapolated from the current epoch only: earlier epochs may have
    used smaller images, more images, or a busier machine.

    Args:
        protocol: Protocol of the training.
        n_train: Number of training images in an epoch that leaves none out.
        n_validation: Number of images measured after the last epoch.
        say: Function that shows the line of an epoch.
        ticker: Progress line of the steps.
        clock: Monotonic clock [s].
    """

    def __init__(
        self,
        protocol: TrainingProtocol,
        *,
        n_train: int,
        n_validation: int,
        say: Callable[[str], None],
        ticker: Ticker,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._protocol, self._n_train, self._n_validation = protocol, n_train, n_validation
        self._say, self._ticker, self._clock = say, ticker, clock
        self._begun_s = self._first_s = clock()
        self._n_images = n_train

    def step(self, step: Step) -> None:
        """Records the end of a training step."""
        self._n_images = step.n_steps * step.n_images
        if step.number == 1:  # it includes the set-up of memory and kernels, so the pace is that of later steps
            self._first_s = self._clock()
        self._ticker.tick(lambda: self._step_line(step))

    def epoch(self, epoch: Epoch) -> None:
        """Records the end of an epoch."""
        p, number = self._protocol, epoch.number
        taken_s = self._clock() - self._begun_s
        self._begun_s = self._clock()
        ahead = self._work_after(number) / self._area(number) / self._n_images * taken_s
        end = (
            f"about {duration(ahead)} of training left"
            if number < p.epochs
            else f"trained; measuring {self._n_validation:,} validation images"
        )
        self._ticker.clear()
        self._say(f"epoch {number}/{p.epochs}: loss {epoch.loss:.4f}, {duration(taken_s)}, {end}")

    def _step_line(self, step: Step) -> str:
        head = f"epoch {step.epoch}/{self._protocol.epochs}, step {step.number} of {step.n_steps}"
        taken_s = self._clock() - self._first_s
        if step.number == 1 or taken_s <= 0:
            return head
        images_per_s = (step.number - 1) * step.n_images / taken_s
        images = (step.n_steps - step.number) * step.n_images
        ahead = images + self._work_after(step.epoch) / self._area(step.epoch)
        return f"{head}, {images_per_s:,.0f} images/s, about {duration(ahead / images_per_s)} of training left"

    def _area(self, number: int) -> float:
        return (self._protocol.size_in_epoch(number) / self._protocol.image_size) ** 2

    def _work_after(self, number: int) -> float:
        """Number of images in the epochs after `number`; smaller images count by their area."""
        return sum(
            self._area(later) * self._images_in(later, current=number)
            for later in range(number + 1, self._protocol.epochs + 1)
        )

    def _images_in(self, later: int, *, current: int) -> float:
        """Number of images in a later epoch; epochs that leave images out are alike, except for the first."""
        p = self._protocol
        if p.left_out_in_epoch(later) and p.share_in_epoch(current) < 1:
            return self._n_images
        return self._n_train * p.share_in_epoch(later)


class JudgingProgress:
    """Follows the draws of a judgement, of ideal and noisy devices alike.

    Args:
        what: Images that are judged, such as `2,000 test images`.
        n_draws: Number of draws left to judge.
        ticker: Progress line.
        clock: Monotonic clock [s].
    """

    def __init__(self, what: str, n_draws: int, ticker: Ticker, clock: Callable[[], float] = time.perf_counter) -> None:
        self._what, self._n_draws, self._ticker, self._clock = what, n_draws, ticker, clock
        self._begun_s = clock()
        self._n_done = 0

    def draw(self, ratio: float) -> None:
        """Records the finished fraction of the current draw."""
        self._ticker.tick(lambda: self._line(ratio))

    def ended(self) -> None:
        """Records the end of a draw."""
        self._n_done += 1
        self._ticker.clear()

    def _line(self, ratio: float) -> str:
        done = self._n_done + ratio
        left_s = (self._clock() - self._begun_s) * (self._n_draws - done) / done
        which = f", {self._n_done + 1} of {self._n_draws} judgements" if self._n_draws > 1 else ""
        return f"judging {self._what}{which}: {100 * ratio:.0f} %, about {duration(left_s)} left"
