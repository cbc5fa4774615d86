"""The complete state of a search: plain arrays, stored and read without loss."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import StoreError
from xpert_evo.objectives import FloatArray
from xpert_evo.search.pareto import non_dominated
from xpert_evo.space import Genomes, IntArray

RandomState: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """A population after survival, and the state of the random generator.

    Attributes:
        generation: Number of times results were reported.
        n_evaluated: Number of designs reported in total.
        genomes: Genomes of the population, (population, genes).
        objectives: Minimised objectives, (population, objectives).
        violations: Violations, (population, constraints); a row without positive values is feasible.
        rank: Pareto front of each design, from 0; infeasible designs have `INFEASIBLE_RANK`.
        crowding: Distance of a design to its neighbours in its front; for infeasible ones minus their summed violation.
        random_state: State of the PCG64 generator, from `pack_generator`.
        recent_genomes: Latest designs reported, survivors or not, which are not requested again, (recent, genes).
        recent_objectives: Objectives of the latest designs, (recent, objectives).
        recent_violations: Violations of the latest designs, (recent, constraints).
    """

    generation: int
    n_evaluated: int
    genomes: Genomes
    objectives: FloatArray
    violations: FloatArray
    rank: IntArray
    crowding: FloatArray
    random_state: RandomState
    recent_genomes: Genomes
    recent_objectives: FloatArray
    recent_violations: FloatArray

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which members keep every limit, (population,)."""
        return np.asarray((self.violations <= 0).all(axis=1))

    @property
    def front(self) -> IntArray:
        """Positions of the feasible, non-dominated members, in ascending order of the first objective."""
        members = np.flatnonzero(self.feasible)
        if not len(members):
            return members
        best = members[non_dominated(self.objectives[members])]
        return best[np.argsort(self.objectives[best, 0], kind="stable")]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Returns one array per field, for `numpy.savez` or blobs; `from_arrays` restores an equal state from them."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "SearchState":
        """Restores a state from the arrays of `to_arrays`; raises StoreError if an array is missing or does not fit."""
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in arrays]
        if missing:
            raise StoreError(
                f"the stored search state lacks {', '.join(missing)}; it is damaged or from another version."
            )
        values: dict[str, Any] = {name: np.array(arrays[name]) for name in names}
        groups = [names[names.index("genomes") : names.index("random_state")], names[names.index("recent_genomes") :]]
        if any(len({len(values[name]) for name in group}) > 1 for group in groups) or len(values["random_state"]) != 6:
            raise StoreError("the stored search state has arrays of different lengths; it is damaged.")
        for counter in ("generation", "n_evaluated"):
            values[counter] = int(values[counter])
        return cls(**values)


def pack_generator(rng: np.random.Generator) -> RandomState:
    """Returns the state of a PCG64 generator as six 64-bit words."""
    state = cast("dict[str, Any]", rng.bit_generator.state)
    if state["bit_generator"] != "PCG64":
        raise ValueError(
            f"the search needs a PCG64 generator, as made by numpy.random.default_rng, got {state['bit_generator']}."
        )
    words = [word >> shift & _LOW for word in (state["state"]["state"], state["state"]["inc"]) for shift in (64, 0)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def unpack_generator(words: RandomState) -> np.random.Generator:
    """Restores the generator that `pack_generator` packed."""
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(word) for word in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)


_LOW = (1 << 64) - 1
