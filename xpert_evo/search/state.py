"""All that the search needs in order to go on: plain arrays, stored and read without loss."""

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
    """A population after survival, and the generator that draws what comes next.

    Attributes:
        generation: How often results were told.
        n_evaluated: Designs told in all.
        genomes: (population, genes).
        objectives: Minimised, (population, objectives).
        violations: (population, constraints); a row without positive values is feasible.
        rank: Pareto front each design stands in, from 0; infeasible designs stand in `INFEASIBLE_RANK`.
        crowding: How alone a design stands in its front; for infeasible ones minus their summed violation.
        random_state: Of the PCG64 generator, from `pack_generator`.
        recent_genomes: The latest designs told, survivors or not, which are not asked for again, (recent, genes).
        recent_objectives: (recent, objectives).
        recent_violations: (recent, constraints).
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
        """Positions of the feasible, non-dominated members, by rising first objective."""
        members = np.flatnonzero(self.feasible)
        if not len(members):
            return members
        best = members[non_dominated(self.objectives[members])]
        return best[np.argsort(self.objectives[best, 0], kind="stable")]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """By field an array, for `numpy.savez` or blobs; `from_arrays` reads them back to an equal state."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "SearchState":
        """The state that `to_arrays` took apart; raises StoreError where an array is missing or does not fit."""
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in arrays]
        if missing:
            raise StoreError(
                f"the stored search state lacks {', '.join(missing)}; it is damaged or of another version."
            )
        values: dict[str, Any] = {name: np.array(arrays[name]) for name in names}
        groups = [names[names.index("genomes") : names.index("random_state")], names[names.index("recent_genomes") :]]
        if any(len({len(values[name]) for name in group}) > 1 for group in groups) or len(values["random_state"]) != 6:
            raise StoreError("the stored search state has arrays of different lengths; it is damaged.")
        for counter in ("generation", "n_evaluated"):
            values[counter] = int(values[counter])
        return cls(**values)


def pack_generator(rng: np.random.Generator) -> RandomState:
    """The state of a PCG64 generator as six words of 64 bits."""
    state = cast("dict[str, Any]", rng.bit_generator.state)
    if state["bit_generator"] != "PCG64":
        raise ValueError(
            f"the search draws from PCG64, as numpy.random.default_rng makes it, got {state['bit_generator']}."
        )
    words = [word >> shift & _LOW for word in (state["state"]["state"], state["state"]["inc"]) for shift in (64, 0)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def unpack_generator(words: RandomState) -> np.random.Generator:
    """The generator that `pack_generator` packed."""
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
