"""Constants of a node's circuits: one class for each table of a file in `technologies`."""

from __future__ import annotations

from dataclasses import dataclass

Table = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConstants:
    """The process node."""

    feature_nm: float
    vdd_v: float
    temperature_k: float
    level_shifter_above_v: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutConstants:
    """Heights and widths of the layout [um], used to fold circuits along a crossbar."""

    row_height_um: float
    flipflop_width_um: float
    subarray_extra_width_um: float
    subarray_extra_height_um: float
    wire_pitch_um: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaConstants:
    """Areas of circuits [um2]."""

    row_switch_um2: float
    level_shifter_um2: float
    column_switch_um2: float
    full_adder_um2: float
    flipflop_um2: float
    mux_pair_um2: float
    mux_decoder_sharing: Table
    mux_decoder_um2: Table
    register_decoder_entries: Table
    register_decoder_um2: Table
    tree_growth: float
    buffer_core_um2: float
    pooling_base_um2: float
    pooling_bit_um2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingConstants:
    """Delays [ns] that determine the clock period."""

    layout_ratio: float
    mux_sharing: Table
    mux_decoder_ns: Table
    mux_drive_ns: Table
    column_base_ns: float
    column_ns_per_ohm: float
    buffer_core_bits: float
    tree_um_per_ns: float
    adder_bit_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyConstants:
    """Energies of events [pJ]."""

    line_base_pj: float
    line_pj: float
    cell_pulse_ns: float
    row_switch_base_pj: float
    row_switch_active_pj: float
    mux_pj: float
    mux_decoder_pj: float
    full_adder_pj: float
    tree_adder_pj: float
    flipflop_pj: float
    tile_buffer_bit_pj: float
    pe_buffer_bit_pj: float
    global_buffer_read_pj: float
    global_buffer_write_pj: float
    activation_bit_pj: float
    wire_pj_per_um: float
    pe_bus_ratio: float
    one_bit_level_ratio: float
    two_bit_level_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageConstants:
    """Leakage powers [uW]."""

    row_uw: float
    decoder_uw: float
    full_adder_uw: float
    tree_adder_uw: float
    flipflop_uw: float
    buffer_bit_uw: float
    comparator_uw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitLeakageConstants:
    """Leakage powers [uW] by circuit; used where `leakage_count = "circuits"`.

    Attributes:
        crossbar_sharing, crossbar_row_uw: Table of the leakage per row of a crossbar's switches, shifters and decoder,
            by the number of columns that share an ADC.
        adder_bit_uw, register_bit_uw: Leakage of a one-bit adder and of a flip-flop.
        encoder_bits, encoder_level_uw: Table of the leakage of a Flash ADC's encoder for each of its 2^AP levels, by
            AP.
        decoder_entries, decoder_uw: Table of the leakage of a register file's decoder, by number of entries.
    """

    crossbar_sharing: Table
    crossbar_row_uw: Table
    adder_bit_uw: float
    register_bit_uw: float
    encoder_bits: Table
    encoder_level_uw: Table
    decoder_entries: Table
    decoder_uw: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class SarConstants:
    """The successive-approximation ADC."""

    base_um2: float
    bit_um2: float
    cycle_ns: float
    base_uw: float
    bit_uw: float
    conductance_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashConstants:
    """The Flash ADC and its encoder."""

    comparator_um2: float
    comparator_nmos_um2: float
    encoder_base_um: float
    encoder_input_um: float
    sense_ns: float
    sense_ns_per_octave: float
    sense_onset_ohm: float
    slowest_column_ratio: float
    few_levels_ns: float
    encoder_base_ns: float
    encoder_level_ns: float
    comparator_uw: float
    conductance_w: float
    encoder_base_pj: float
    encoder_level_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnConstants:
    """Columns of cells, from the node's wires and transistors; used where `column_model = "cells"`.

    Attributes:
        wire_ohm: Resistance of a wire as long as it is wide [ohm].
        settle_ns_per_ohm: Settling time per ohm of the cell's mean resistance, due to wire capacitance [ns/ohm].
        settle_access_ns: Settling time due to access transistors, whose width grows with the cell's conductance, per
            ratio of the mean resistance to the on-resistance [ns].
        sense_ohm, sense_ns: Table of the sensing time of Flash ADCs by the mean resistance of the columns, for the
            slowest column, which sets the clock.
        mean_sense_ns: The same for the mean column, which determines the energy.
    """

    wire_ohm: float
    settle_ns_per_ohm: float
    settle_access_ns: float
    sense_ohm: Table
    sense_ns: Table
    mean_sense_ns: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyConstants:
    """Figures of merit of the best published ADCs."""

    walden_fj: float
    schreier_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WireConstants:
    """Wires of the crossbar and the resistances in series with them."""

    resistivity_ohm_um: float
    width_um: float
    aspect_ratio: float
    driver_ohm: float
    mux_ohm: float
    current_limit_ma_per_um2: float
