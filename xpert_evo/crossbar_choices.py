"""The crossbars that the layers of a search space may have, by number."""

import numpy as np

from hw_models import CrossbarSpec, with_choices
from xpert_evo.genes import choice_number
from xpert_evo.space import Genomes, IntArray, SearchSpace


class CrossbarChoices:
    """The crossbars that layers of a space may have.

    Args:
        space: Search space.
        of_chip: Crossbars of the chip, without what layers choose.

    Attributes:
        n_crossbars: Number of combinations of the choices of all genes of the crossbar; 1 without any.
    """

    def __init__(self, space: SearchSpace, of_chip: CrossbarSpec) -> None:
        self._space = space
        self._kinds = [kind for kind in space.kinds if kind.record.is_of_crossbar]
        offered = [
            {choice for gene in space.genes if gene.kind is kind for choice in gene.choices} for kind in self._kinds
        ]
        self._numbers = [np.unique([choice_number(choice) for choice in choices]) for choices in offered]
        self._of_chip = of_chip
        self._names = [kind.record.cost_attribute for kind in self._kinds]
        self.n_crossbars = int(np.prod([len(numbers) for numbers in self._numbers], dtype=np.int64))

    def crossbar(self, number: int) -> CrossbarSpec:
        """The crossbar with a number from 0 to `n_crossbars`, exclusive; raises HardwareModelError if there is none."""
        places = np.unravel_index(number, [len(numbers) for numbers in self._numbers]) if self._numbers else ()
        chosen = [int(numbers[place]) for numbers, place in zip(self._numbers, places, strict=True)]
        return with_choices(self._of_chip, dict(zip(self._names, chosen, strict=True)))

    def of(self, genomes: Genomes) -> IntArray:
        """Numbers of the crossbars of genomes' layers, (designs, layers), or 0 if there is only one."""
        position: IntArray = np.zeros((1, 1), dtype=np.int64)
        for kind, numbers in zip(self._kinds, self._numbers, strict=True):
            position = position * len(numbers) + np.searchsorted(numbers, self._space.values(genomes, kind))
        return position
