"""The blueprint of AST and SSAST: built and saved by transformers."""

from paralbench.upstreams.blueprints.transformers_models import TransformersBlueprint
from paralbench.upstreams.spectrogram_transformer import DEVIATION, MEAN, MODEL_TYPE

AST = TransformersBlueprint(
    {MODEL_TYPE: ("ASTConfig", "ASTModel")},
    {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
    },
    {
        "feature_extractor_type": "ASTFeatureExtractor",
        "do_normalize": True,
        "mean": MEAN,
        "std": DEVIATION,
        "max_length": 1024,
        "num_mel_bins": 128,
        "padding_value": 0.0,
        "sampling_rate": 16_000,
    },
)
