"""Figures from data frames, each file of one kind.

style     what all figures share: colours, fonts, axes, names at the ends of lines
lines     accuracy and losses against sparsity: a colour a condition, a line style a source
regimes   the three regimes and their two causes, drawn as the rule reads them
matrices  weights, masks, matrices and heads: what pruning takes, and where it hurts
race      ways of pruning against one another: schedules, seeds, paired differences
cost      bytes and milliseconds against sparsity
"""

from .cost import (
    ENGINE_STYLE,
    FORMAT_STYLE,
    accuracy_against_time,
    engine_times,
    format_sizes,
    own_times,
    roofline,
)
from .lines import (
    THE_FOUR,
    against_dense,
    beside_the_course,
    curve_lines,
    curves,
    floor_lines,
    labelled_curves,
    legend_handles,
    loss_against_accuracy,
    own_runs,
    small_multiples,
)
from .matrices import (
    ATTENTION,
    PRUNED_COLOR,
    cost_dots,
    kept_by_matrix,
    kept_shares,
    layer_grid,
    magnitude_histogram,
    mask_differences,
    mask_image,
    matrix_names,
    movement_by_matrix,
    named_heads,
    places,
    sensitivity_map,
    shares_by_matrix,
    spared_heads,
    spread_histogram,
    weight_histogram,
)
from .race import (
    against_sparsity,
    choices_in_common,
    finishes,
    interval_bars,
    means_and_seeds,
    paired_gains,
    schedule_lines,
)
from .regimes import (
    REGIMES,
    called_free,
    loss_in_parts,
    paired_seeds,
    regime_differences,
    regime_map,
    regime_spans,
    shade_regimes,
    steps_of_two_tasks,
    unlocked,
)
from .style import (
    LINES,
    METRIC_LABEL,
    RELATIVE_LABEL,
    Style,
    label_ends,
    legend_at_ends,
    method_style,
    reference_line,
    sparsity_axis,
    use_style,
)
