"""The configuration of wav2vec and vq-wav2vec checkpoints, as plain data.

Lists of convolutions, which s3prl evaluates, are parsed and written out again for it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paralbench.errors import WeightsError
from paralbench.upstreams.convolution_lists import convolutions, rendered
from paralbench.upstreams.s3prl_family.checkpoint import typed

# What fairseq's ``base_wav2vec_architecture`` sets where the arguments of a checkpoint say nothing:
# those of wav2vec_large.pt, for one, are older than ``activation``.
DEFAULTS: dict[str, Any] = {
    "activation": "relu",
    "agg_zero_pad": False,
    "aggregator": "cnn",
    "combine_groups": False,
    "conv_aggregator_layers": "[(512, 3, 1)] * 9",
    "conv_feature_layers": "[(512, 10, 5)] + [(512, 8, 4)] + [(512, 4, 2)] * 3",
    "log_compression": False,
    "no_conv_bias": False,
    "non_affine_group_norm": False,
    "prediction_steps": 12,
    "project_features": "none",
    "residual_scale": 0.5,
    "skip_connections_agg": False,
    "skip_connections_feat": False,
    "vq_depth": 1,
    "vq_dim": 0,
    "vq_groups": 2,
    "vq_type": "none",
    "vq_vars": 320,
}
CHOICES = {
    "activation": ("relu", "gelu"),
    "aggregator": ("cnn",),
    "project_features": ("none",),
    "vq_type": ("none", "gumbel", "kmeans"),
}
LISTS = ("conv_feature_layers", "conv_aggregator_layers")


def read_settings(given: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """The settings of a checkpoint that features and size depend on, with fairseq's defaults.

    Lists of convolutions are lists of ``[dim, kernel, stride]``.

    Raises:
        WeightsError: a setting is of another type, or a choice that is not supported here.
    """
    given = {name: value for name, value in given.items() if value is not None}
    given |= {
        name: rendered(given[name]) for name in LISTS if isinstance(given.get(name), list | tuple)
    }
    settings = typed(given, DEFAULTS, where)
    for name, allowed in CHOICES.items():
        if settings[name] not in allowed:
            raise WeightsError(
                f"{where}: {name} is {settings[name]!r}. Supported: {', '.join(allowed)}."
            )
    for name in LISTS:
        settings[name] = convolutions(settings[name], f"{where}: {name}")
    return settings
