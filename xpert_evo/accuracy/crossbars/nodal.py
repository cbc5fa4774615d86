"""Currents of a crossbar with resistive wires, by nodal analysis: the reference for faster forms.

Rows are driven from the left, columns are read at the bottom. A cell connects node (i, j) of its row's wire with node
(i, j) of its column's wire. Between neighbouring nodes there is one cell pitch of wire, and one more between the driver
and column 0 and between the last row and the converter; a driver and a multiplexer with its sense amplifier each have a
resistance. A selected column ends at 0 V. Kirchhoff's current law at every node gives sparse linear equations, solved
by LU (SuperLU): one factorisation serves all inputs that leave the network unchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from hw_models.wires import IdleRows, WireResistances

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossbar:
    """A crossbar in one cycle of its multiplexers.

    Attributes:
        conductances: Conductances of the cells [S], (rows, columns).
        wires: Resistances of the wires.
        selected: Whether each column is read, (columns,); None for all.
        idle_rows: State of a row without input.
        grounds_others: Whether unselected columns also end at 0 V; otherwise they float.
    """

    conductances: FloatArray
    wires: WireResistances
    selected: BoolArray | None = None
    idle_rows: IdleRows = IdleRows.GATED
    grounds_others: bool = False


def column_currents(crossbar: Crossbar, inputs: FloatArray, *, read_v: float = 1.0) -> FloatArray:
    """Currents of all columns [A], (vectors, columns); 0 for floating columns.

    Args:
        crossbar: Cells, wires and the selection.
        inputs: Voltages of the rows relative to `read_v`, (vectors, rows); rows with 0 are idle.
        read_v: Read voltage [V].
    """
    ends = _connected(crossbar)
    if crossbar.idle_rows is IdleRows.GROUNDED:
        network = _Network(crossbar, np.ones(inputs.shape[1], dtype=bool))
        return network.currents(np.asarray(inputs, dtype=float) * read_v) * ends
    currents = np.zeros((len(inputs), crossbar.conductances.shape[1]))
    for current, vector in zip(currents, inputs, strict=True):
        network = _Network(crossbar, vector != 0)
        current[:] = network.currents(vector[None] * read_v)[0] * ends
    return currents


def dissipated_w(crossbar: Crossbar, voltages: FloatArray) -> float:
    """Power in all cells, wires, drivers and multiplexers [W] for row voltages [V], (rows,)."""
    network = _Network(crossbar, _conducting(crossbar, voltages))
    return network.dissipated_w(voltages)


def driver_currents(crossbar: Crossbar, voltages: FloatArray) -> FloatArray:
    """Current that each driver delivers [A] for row voltages [V], (rows,)."""
    network = _Network(crossbar, _conducting(crossbar, voltages))
    return network.driver_currents(voltages)


def _conducting(crossbar: Crossbar, voltages: FloatArray) -> BoolArray:
    grounded = crossbar.idle_rows is IdleRows.GROUNDED
    return np.ones(len(voltages), dtype=bool) if grounded else np.asarray(voltages != 0)


def _connected(crossbar: Crossbar) -> BoolArray:
    """Columns that end at 0 V."""
    n_columns = crossbar.conductances.shape[1]
    if crossbar.selected is None or crossbar.grounds_others:
        return np.ones(n_columns, dtype=bool)
    return crossbar.selected


class _Network:
    """Resistors between numbered terminals, of which drivers and ground have fixed potentials.

    Terminals are row nodes (rows x columns), column nodes (likewise), drivers (rows) and ground. A resistor of 0 ohm
    merges its ends into one node. Nodes without a path of resistors to a fixed potential carry no current and are
    omitted.
    """

    def __init__(self, crossbar: Crossbar, conducting: BoolArray) -> None:
        n_rows, n_columns = self._shape = crossbar.conductances.shape
        n_cells = n_rows * n_columns
        self._ground = 2 * n_cells + n_rows
        first, second, ohm, cells = _resistors(crossbar, conducting)
        n_terminals = self._ground + 1
        shorts = ohm == 0
        self._node = _merged(first[shorts], second[shorts], n_terminals)
        self._first, self._second, self._siemens = first, second, np.zeros(len(ohm))
        self._siemens[~shorts] = 1 / ohm[~shorts]
        self._cells = cells
        a, b = self._node[first], self._node[second]
        fixed = self._node[2 * n_cells :]
        n_nodes = int(self._node.max()) + 1
        _, group = connected_components(sparse.coo_matrix((np.ones(len(a)), (a, b)), shape=(n_nodes, n_nodes)))
        free = np.isin(group, group[fixed])
        free[fixed] = False
        self._number = np.full(n_nodes, -1)
        self._number[free] = np.arange(free.sum())
        self._n_nodes, self._free, self._fixed = n_nodes, free, fixed
        weight = self._siemens
        laplacian = sparse.coo_matrix(
            (np.concatenate([weight, weight, -weight, -weight]), (np.r_[a, b, a, b], np.r_[a, b, b, a])),
            shape=(n_nodes, n_nodes),
        ).tocsr()
        self._coupling = laplacian[free][:, ~free]
        self._solver = splu(laplacian[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A") if free.any() else None

    def potentials(self, voltages: FloatArray) -> FloatArray:
        """Potentials of all terminals [V], (terminals, vectors), for driver voltages (vectors, rows)."""
        known = np.zeros((self._n_nodes, len(voltages)))
        known[self._fixed[:-1]] = voltages.T
        known[self._fixed[-1]] = 0.0
        if self._solver is not None:
            known[self._free] = self._solver.solve(-(self._coupling @ known[~self._free]))
        return known[self._node]

    def currents(self, voltages: FloatArray) -> FloatArray:
        """Currents through the cells of each column [A], (vectors, columns)."""
        u = self.potentials(voltages)
        first, second = self._first[self._cells], self._second[self._cells]
        flow = (u[first] - u[second]) * self._siemens[self._cells, None]
        column = (second - self._shape[0] * self._shape[1]) % self._shape[1]
        total = np.zeros((self._shape[1], len(voltages)))
        np.add.at(total, column, flow)
        return total.T

    def driver_currents(self, voltages: FloatArray) -> FloatArray:
        """Currents through the cells of each row [A]: the wires store no charge."""
        u = self.potentials(voltages[None])[:, 0]
        first, second = self._first[self._cells], self._second[self._cells]
        total = np.zeros(self._shape[0])
        np.add.at(total, first // self._shape[1], (u[first] - u[second]) * self._siemens[self._cells])
        return total

    def dissipated_w(self, voltages: FloatArray) -> float:
        """Power dissipated in all resistors [W]."""
        u = self.potentials(voltages[None])[:, 0]
        return float(np.sum((u[self._first] - u[self._second]) ** 2 * self._siemens))


def _resistors(crossbar: Crossbar, conducting: BoolArray) -> tuple[IntArray, IntArray, FloatArray, BoolArray]:
    """Returns both ends and the resistance [ohm] of all resistors, and whether each of them is a cell."""
    wires, (n_rows, n_columns) = crossbar.wires, crossbar.conductances.shape
    row_node = np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
    column_node = row_node + n_rows * n_columns
    driver = 2 * n_rows * n_columns + np.arange(n_rows)
    present = conducting[:, None] & (crossbar.conductances > 0)
    ends = _connected(crossbar)
    ground = np.full(int(ends.sum()), 2 * n_rows * n_columns + n_rows)
    parts: Iterator[tuple[IntArray, IntArray, FloatArray]] = iter(
        (
            (row_node[present], column_node[present], 1 / crossbar.conductances[present]),
            (driver, row_node[:, 0], np.full(n_rows, wires.driver_ohm + wires.row_ohm)),
            (row_node[:, :-1].ravel(), row_node[:, 1:].ravel(), np.full(n_rows * (n_columns - 1), wires.row_ohm)),
            (
                column_node[:-1].ravel(),
                column_node[1:].ravel(),
                np.full((n_rows - 1) * n_columns, wires.column_ohm),
            ),
            (column_node[-1, ends], ground, np.full(len(ground), wires.sense_ohm + wires.column_ohm)),
        )
    )
    first, second, ohm = (np.concatenate(part) for part in zip(*parts, strict=True))
    cells = np.arange(len(ohm)) < int(present.sum())
    return first, second, ohm, cells


def _merged(first: IntArray, second: IntArray, n_terminals: int) -> IntArray:
    """Returns the node of each terminal, given pairs of terminals that are one node."""
    pairs = sparse.coo_matrix((np.ones(len(first)), (first, second)), shape=(n_terminals, n_terminals))
    _, node = connected_components(pairs, directed=False)
    merged: IntArray = np.asarray(node, dtype=np.int64)
    return merged
