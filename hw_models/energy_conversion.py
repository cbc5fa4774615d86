"""Energy of reading a crossbar [pJ]: converters, column currents, lines, row switches and multiplexers.

The cost model chooses the formula for each event.
"""

from __future__ import annotations

import numpy as np

from hw_models.adc import flash_encoder_pj, flash_fixed_pj, sar_conversion_ns, sar_fixed_pj, sar_pj_per_siemens
from hw_models.adc_survey import AdcModel, survey_pj
from hw_models.area import Periphery
from hw_models.arrays import FloatArray
from hw_models.columns import cell_ratio, mean_sense_ns
from hw_models.cost_model import ColumnCurrent
from hw_models.energy_term import EnergyTerm
from hw_models.mapping import Mapping
from hw_models.node_scaling import factor_text
from hw_models.row_activity import row_charges
from hw_models.setting import Setting
from hw_models.simulator_choices import ColumnModel


def adc_terms(m: Mapping, p: Periphery, setting: Setting) -> list[EnergyTerm]:
    """Converters and the current of the columns that they convert, once per input bit."""
    conversion, encoders = conversion_terms(m, p, setting)
    return [conversion, _current_term(m, p, setting), encoders, *_idle_terms(m, p, setting)]


def conversion_terms(m: Mapping, p: Periphery, setting: Setting) -> tuple[EnergyTerm, EnergyTerm]:
    """Conversions of columns with an active row, without their current, and the encoders of Flash ADCs."""
    references = m.crossbar_reads * m.row_groups * setting.crossbar.converted_references
    fixed, encoder, formula, constants = _converters(p, setting)
    conversion = EnergyTerm(
        component="adc",
        event="conversion of a column, part independent of the column",
        count=m.positions * (m.column_reads + references),
        energy_pj=p.bits * fixed,
        formula=formula,
        constants=constants,
    )
    encoders = EnergyTerm(
        component="adc",
        event="encoders of one crossbar's Flash ADCs for one input-bit vector",
        count=m.positions * m.crossbar_reads * m.row_groups,
        energy_pj=p.bits * encoder,
        formula="IP x conversions x (encoder_base + encoder_level 2^AP), Flash only"
        if encoder.any()
        else "included in the conversion",
        constants=("flash.encoder_base_pj", "flash.encoder_level_pj") if encoder.any() else (),
    )
    return conversion, encoders


def _converters(p: Periphery, setting: Setting) -> tuple[FloatArray, FloatArray, str, tuple[str, ...]]:
    """Energy of a conversion and of a crossbar's encoders [pJ], with the formula and its constants."""
    technology, none = setting.technology, np.zeros(p.precision.shape)
    constants: tuple[str, ...]
    if setting.own_converters:
        held = 1e-3 * setting.assumed.reading.sample_hold_fj * setting.ratios.energy
        fixed, encoder = setting.adc_figures(p).energy_pj + held, none
        if setting.adc is None:
            formula = (
                "IP x (sar_bit AP + sar_step 2^AP for SAR, twice as much for each bit beyond fitted_bits; comparator "
                "(2^AP - 1) 2^(AP - matched_bits) + encoder_step "
                f"2^AP for Flash; sample_hold){factor_text(setting.ratios.energy)}"
            )
            constants = (*_PUBLISHED_ADC, "reading.sample_hold_fj")
        else:
            formula = f"IP x (the table {setting.adc.name!r} at AP bits + sample_hold), each x the factor from its node"
            constants = (*(f"{kind}.energy_fj" for kind in setting.adc.points), "reading.sample_hold_fj")
    else:
        sense = mean_sense_ns(p, setting)
        fixed = np.where(
            p.flash, flash_fixed_pj(p.precision, sense, technology.flash), sar_fixed_pj(p.precision, technology.sar)
        )
        columns = setting.crossbar.converted_columns
        encoder = np.where(p.flash, columns * flash_encoder_pj(p.precision, technology.flash), 0.0)
        formula = (
            "IP x (base + bit AP) x (AP + 1) cycles for SAR; IP x comparator x (2^AP - 1) x sensing time for Flash"
        )
        constants = ("sar.base_uw", "sar.bit_uw", "sar.cycle_ns", "flash.comparator_uw", "flash.sense_ns")
    if setting.adc_model is AdcModel.SURVEY:
        best = survey_pj(p.precision, technology.survey)
        formula = f"IP x limit of the published survey where lower than: {formula}"
        constants += ("survey.walden_fj", "survey.schreier_db")
        return np.minimum(fixed, best), none, formula, constants
    return fixed, encoder, formula, constants


_FITTED_READ_V = 0.5
"""Read voltage of all cells in the simulators' results, from which `conductance_w` was found [V]."""
_PUBLISHED_ADC = (
    "converters.sar_bit_fj",
    "converters.sar_step_fj",
    "converters.fitted_bits",
    "converters.comparator_fj",
    "converters.encoder_step_fj",
    "converters.matched_bits",
)


def _current_term(m: Mapping, p: Periphery, setting: Setting) -> EnergyTerm:
    """Current of the cells in a column while it is converted."""
    technology = setting.technology
    siemens = setting.activity * cell_ratio(setting) / setting.device.cell.on_ohm
    if setting.choices.column_current is ColumnCurrent.SAMPLED:
        per_siemens = np.full(p.precision.shape, 1e3 * setting.device.cell.read_v**2 * setting.sample_ns)
        event = "current of a cell with a weight while its column is sampled"
        factor = factor_text(setting.ratios.delay)
        formula = f"IP x activity x mean conductance x read_v^2 x sample_ns{factor}"
        constants: tuple[str, ...] = ("cell.read_v", "reading.sample_ns")
    else:
        sense = mean_sense_ns(p, setting)
        per_siemens = np.where(
            p.flash, 1e3 * technology.flash.conductance_w * sense, sar_pj_per_siemens(p.precision, technology.sar)
        )
        per_siemens *= (setting.device.cell.read_v / _FITTED_READ_V) ** 2
        event = "current of a cell with a weight during the conversion of its column"
        formula = (
            "IP x activity x mean conductance x conductance_w x conversion time x "
            f"(read_v / {_FITTED_READ_V:g} V, at which conductance_w holds)^2"
        )
        constants = ("sar.conductance_w", "flash.conductance_w", "cell.read_v")
    return EnergyTerm(
        component="adc",
        event=event,
        count=m.positions * m.cell_reads,
        energy_pj=p.bits * siemens * per_siemens,
        formula=formula,
        constants=(*constants, "cell.on_ohm", "cell.conductance_ratio"),
    )


def _idle_terms(m: Mapping, p: Periphery, setting: Setting) -> list[EnergyTerm]:
    """Conversions of columns without an active row, if the model charges a SAR ADC for them."""
    if setting.choices.column_model is ColumnModel.DEVICE or setting.own_converters:
        return []
    idle_pj = 1e-3 * setting.model.simulator.column.idle_sar_uw * sar_conversion_ns(p.precision, setting.technology.sar)
    return [
        EnergyTerm(
            component="adc",
            event="SAR conversion of a column without an active row",
            count=m.positions * (m.conversions - m.column_reads),
            energy_pj=p.bits * np.where(p.flash, 0.0, idle_pj),
            formula="IP x idle power of the ADC x (AP + 1) cycles",
            constants=("column.idle_sar_uw", "sar.cycle_ns"),
        )
    ]


def crossbar_terms(m: Mapping, p: Periphery, setting: Setting) -> list[EnergyTerm]:
    """Lines and cells, row switches and multiplexers, once per input bit."""
    spec, energy = setting.crossbar, setting.technology.energy
    cell_pj = 1e3 * setting.device.cell.read_v**2 / setting.device.cell.on_ohm * energy.cell_pulse_ns
    # Row lines switch for every column that takes its turn, unless rows hold their state while columns are sampled.
    sampled = setting.choices.column_current is ColumnCurrent.SAMPLED
    turns = np.ones_like(p.sharing) if sampled else p.sharing
    times = "" if sampled else "CS "
    lines = row_charges(m, setting, energy.line_base_pj, setting.activity * turns * (energy.line_pj + cell_pj))
    rows = row_charges(m, setting, energy.row_switch_base_pj, setting.activity * energy.row_switch_active_pj)
    select = energy.mux_pj * spec.columns + energy.mux_decoder_pj * p.sharing**2
    v = m.positions
    return [
        *(
            EnergyTerm(
                component="array",
                event=f"lines and cells of one crossbar for one input-bit vector{part}",
                count=v * count,
                energy_pj=p.bits * spec.rows * spec.built_columns * pj,
                formula=f"IP x rows x columns x (line_base + activity {times}(line + read_v^2 / on_ohm x cell_pulse))",
                constants=(
                    "energy.line_base_pj",
                    "energy.line_pj",
                    "energy.cell_pulse_ns",
                    "cell.read_v",
                    "cell.on_ohm",
                ),
            )
            for part, count, pj in lines
        ),
        *(
            EnergyTerm(
                component="periphery",
                event=f"row switches of one crossbar for one input-bit vector{part}",
                count=v * count,
                energy_pj=p.bits * spec.rows * turns * pj,
                formula=f"IP x rows {times}(row_switch_base + activity row_switch_active)",
                constants=("energy.row_switch_base_pj", "energy.row_switch_active_pj"),
            )
            for part, count, pj in rows
        ),
        EnergyTerm(
            component="periphery",
            event="multiplexer of one crossbar for one output position",
            count=v * m.crossbar_reads * m.row_groups,
            energy_pj=select,
            formula="columns mux + mux_decoder CS^2",
            constants=("energy.mux_pj", "energy.mux_decoder_pj"),
        ),
    ]
