"""The nodal solver against circuits that are solved by hand, and against an independent dense solution."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from hw_models.wires import IdleRows, WireResistances
from xpert_evo.accuracy.crossbars.nodal import Crossbar, column_currents, dissipated_w, driver_currents

FloatArray = NDArray[np.float64]
WIRES = WireResistances(row_ohm=3.0, column_ohm=7.0, driver_ohm=50.0, sense_ohm=20.0)


def cells(n_rows: int, n_columns: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(1e-5, 2e-4, (n_rows, n_columns))


def test_one_cell_is_a_series_of_resistors() -> None:
    found = column_currents(Crossbar(conductances=np.array([[1e-3]]), wires=WIRES), np.ones((1, 1)), read_v=0.5)
    assert found[0, 0] == pytest.approx(0.5 / (50 + 3 + 1000 + 7 + 20))


def test_a_row_of_equal_cells_is_the_textbook_ladder() -> None:
    """Uniform ladder, u_n+1 - (2 + r g) u_n + u_n-1 = 0: hyperbolic functions of a with 2 (cosh a - 1) = r g."""
    n, g, r = 30, 1e-3, 5.0
    wires = WireResistances(row_ohm=r)
    found = column_currents(Crossbar(conductances=np.full((1, n), g), wires=wires), np.ones((1, 1)))[0]
    a = np.arccosh(1 + r * g / 2)
    position = np.arange(1, n + 1)
    voltage = np.cosh(a * (n - position + 0.5)) / np.cosh(a * (n + 0.5))
    np.testing.assert_allclose(found, g * voltage, rtol=1e-9)


def test_a_column_of_equal_cells_is_the_same_ladder() -> None:
    n, g, r = 30, 1e-3, 5.0
    wires = WireResistances(column_ohm=r)
    found = column_currents(Crossbar(conductances=np.full((n, 1), g), wires=wires), np.ones((1, n)))[0, 0]
    a = np.arccosh(1 + r * g / 2)
    distance = np.arange(1, n + 1)
    left = np.cosh(a * (n - distance + 0.5)) / np.cosh(a * (n + 0.5))
    assert found == pytest.approx(np.sum(g * left), rel=1e-9)


@pytest.mark.parametrize("idle_rows", IdleRows)
@pytest.mark.parametrize("grounds_others", [False, True])
def test_wires_without_resistance_are_ideal(idle_rows: IdleRows, grounds_others: bool) -> None:
    g, x = cells(6, 5), np.random.default_rng(1).integers(0, 2, (7, 6)).astype(float)
    crossbar = Crossbar(conductances=g, wires=WireResistances(), idle_rows=idle_rows, grounds_others=grounds_others)
    np.testing.assert_allclose(column_currents(crossbar, x), x @ g, rtol=1e-12)
    tiny = Crossbar(conductances=g, wires=WireResistances(row_ohm=1e-4, column_ohm=1e-4), idle_rows=idle_rows)
    np.testing.assert_allclose(column_currents(tiny, x), x @ g, rtol=1e-6)


def test_currents_of_grounded_rows_superpose_and_those_of_gated_rows_do_not() -> None:
    g, x = cells(5, 4), np.array([[1.0, 0, 0, 0, 0], [0, 0, 1, 1, 0], [1, 0, 1, 1, 0]])
    for idle_rows, superposes in ((IdleRows.GROUNDED, True), (IdleRows.GATED, False)):
        found = column_currents(Crossbar(conductances=g, wires=WIRES, idle_rows=idle_rows), x)
        assert np.allclose(found[0] + found[1], found[2], rtol=1e-9) is superposes


def test_a_symmetric_crossbar_has_symmetric_currents() -> None:
    """Drivers and converters change places in the transposed crossbar: reciprocity."""
    g = cells(4, 4)
    wires = WireResistances(row_ohm=4.0, column_ohm=4.0, driver_ohm=30.0, sense_ohm=30.0)
    crossbar = Crossbar(conductances=g, wires=wires, idle_rows=IdleRows.GROUNDED)
    # Mirrored about the diagonal from the driver's and the converter's corner.
    mirrored = Crossbar(conductances=g[::-1].T[::-1], wires=wires, idle_rows=IdleRows.GROUNDED)
    transfer, other = column_currents(crossbar, np.eye(4)), column_currents(mirrored, np.eye(4))
    np.testing.assert_allclose(transfer, other[::-1, ::-1].T, rtol=1e-9)


@pytest.mark.parametrize("idle_rows", IdleRows)
def test_energy_and_charge_are_conserved(idle_rows: IdleRows) -> None:
    selected = np.array([True, False, True, False, False])
    crossbar = Crossbar(conductances=cells(6, 5), wires=WIRES, selected=selected, idle_rows=idle_rows)
    volts = 0.5 * np.array([1.0, 0, 1, 1, 0, 1])
    delivered = driver_currents(crossbar, volts)
    assert dissipated_w(crossbar, volts) == pytest.approx(float(volts @ delivered), rel=1e-9)
    assert column_currents(crossbar, volts[None]).sum() == pytest.approx(delivered.sum(), rel=1e-9)


def test_columns_that_float_carry_no_current_and_load_nothing_alone() -> None:
    """With one active row, a floating column is at the row's voltage everywhere."""
    g = cells(5, 3)
    selected = np.array([True, False, True])
    one = np.array([[0, 0, 1.0, 0, 0]])
    floating = column_currents(Crossbar(conductances=g, wires=WIRES, selected=selected), one)[0]
    assert floating[1] == 0
    absent = g * selected
    np.testing.assert_allclose(floating, column_currents(Crossbar(conductances=absent, wires=WIRES), one)[0])
    grounded = Crossbar(conductances=g, wires=WIRES, selected=selected, grounds_others=True)
    assert column_currents(grounded, one)[0, 2] < floating[2]


@pytest.mark.parametrize("idle_rows", IdleRows)
@pytest.mark.parametrize("selected", [None, np.array([True, False, False, True])])
def test_it_agrees_with_a_dense_solution_of_kirchhoffs_law(
    idle_rows: IdleRows, selected: NDArray[np.bool_] | None
) -> None:
    g, x = cells(5, 4), np.array([[1.0, 0, 1, 1, 0], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    crossbar = Crossbar(conductances=g, wires=WIRES, selected=selected, idle_rows=idle_rows)
    wanted = [dense_currents(g, vector, selected, idle_rows) for vector in x]
    np.testing.assert_allclose(column_currents(crossbar, x), wanted, rtol=1e-9, atol=1e-18)


def dense_currents(
    g: FloatArray, volts: FloatArray, selected: NDArray[np.bool_] | None, idle_rows: IdleRows
) -> FloatArray:
    """Node by node, with a dense matrix, drivers and converters as sources of current behind their resistance."""
    n_rows, n_columns = g.shape
    n = n_rows * n_columns
    matrix, source = np.zeros((2 * n, 2 * n)), np.zeros(2 * n)

    def join(a: int, b: int, siemens: float) -> None:
        matrix[[a, b, a, b], [a, b, b, a]] += siemens * np.array([1, 1, -1, -1])

    for i in range(n_rows):
        row = [i * n_columns + j for j in range(n_columns)]
        end = 1 / (WIRES.driver_ohm + WIRES.row_ohm)
        matrix[row[0], row[0]] += end
        source[row[0]] += end * volts[i]
        for a, b in pairwise(row):
            join(a, b, 1 / WIRES.row_ohm)
        for j in range(n_columns):
            if volts[i] or idle_rows is IdleRows.GROUNDED:
                join(row[j], n + row[j], g[i, j])
    end = 1 / (WIRES.sense_ohm + WIRES.column_ohm)
    for j in range(n_columns):
        column = [n + i * n_columns + j for i in range(n_rows)]
        for a, b in pairwise(column):
            join(a, b, 1 / WIRES.column_ohm)
        if selected is None or selected[j]:
            matrix[column[-1], column[-1]] += end
        else:
            matrix[column[-1], column[-1]] += 1e-18
    u = np.linalg.solve(matrix, source)
    ends = u[[n + (n_rows - 1) * n_columns + j for j in range(n_columns)]] * end
    return ends if selected is None else ends * selected
