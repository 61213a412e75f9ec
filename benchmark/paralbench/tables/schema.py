"""Every table's columns, declared once and checked on every write.

One row is one fact. Three words mean three things: the *setting* is which corpora train and test,
the *recipe* is how the probe is trained, the *variant* is how the upstream is run.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

from paralbench.errors import StoreError

Type = Literal["string", "int", "float", "bool"]

_ARROW = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
}


@dataclass(frozen=True)
class Column:
    """A column: its name, type, whether a value may be missing, and what it means."""

    name: str
    type: Type
    meaning: str
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its columns in order, and the prefix of columns that may be added to them."""

    name: str
    columns: tuple[Column, ...]
    free_prefix: str | None = None  # columns so named are floats, one per class

    @property
    def names(self) -> list[str]:
        """The declared column names, in order."""
        return [column.name for column in self.columns]

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """Check a frame against the declaration and type it.

        Raises:
            StoreError: a column is missing or unknown, a value has the wrong type, or a required
                value is missing; the message names table and column.
        """
        free = [
            name
            for name in frame.columns
            if self.free_prefix and str(name).startswith(self.free_prefix)
        ]
        missing = [name for name in self.names if name not in frame.columns]
        unknown = [name for name in frame.columns if name not in self.names and name not in free]
        if missing or unknown:
            raise StoreError(
                f"table {self.name!r}: missing columns {missing}, unknown columns {unknown}; "
                f"it has {self.names}."
            )
        fields, arrays = [], []
        declared = [*self.columns, *(Column(name, "float", "", True) for name in free)]
        for column in declared:
            try:
                array = pa.Array.from_pandas(frame[column.name], type=_ARROW[column.type])
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise StoreError(
                    f"table {self.name!r}: column {column.name!r} must hold {column.type}: {error}"
                ) from None
            if array.null_count and not column.optional:
                raise StoreError(f"table {self.name!r}: column {column.name!r} has missing values.")
            fields.append(pa.field(column.name, _ARROW[column.type], nullable=column.optional))
            arrays.append(array)
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def empty(self) -> pd.DataFrame:
        """A frame of this table without rows."""
        fields = [pa.field(c.name, _ARROW[c.type]) for c in self.columns]
        return pa.schema(fields).empty_table().to_pandas()


Spec = tuple[str, Type, str] | tuple[str, Type, str, bool]


def _columns(*specs: Spec) -> tuple[Column, ...]:
    """Columns from (name, type, meaning), with True behind where a value may be missing."""
    return tuple(Column(spec[0], spec[1], spec[2], len(spec) == 4 and spec[3]) for spec in specs)


SCORES = Table(
    "scores",
    _columns(
        ("cell", "string", "the cell the row comes from"),
        ("suite", "string", "the suite it was run in", True),
        ("upstream", "string", "upstream id; 'none' for the floors"),
        ("revision", "string", "sha256 of the weights, its first 16 digits", True),
        ("variant", "string", "how the upstream is run", True),
        ("task", "string", "task id, or the id of the harmonised label map"),
        ("label", "string", "the label that is predicted"),
        (
            "setting",
            "string",
            "within, or a transfer setting: pair, leave-one-corpus-out, pooled, growth, ceiling",
        ),
        (
            "train_corpora",
            "string",
            "training corpora or domains, joined by '+'; in brackets the classes, where not all "
            "that both sides have",
        ),
        ("test_corpus", "string", "test corpus or domain"),
        ("split", "string", "split protocol"),
        ("fold", "string", "fold name; 'all' pools out-of-fold predictions; 'mean' over folds"),
        ("seed", "string", "seed; 'mean' averages the seeds"),
        ("recipe", "string", "how the probe was trained"),
        ("layer", "string", "'mix'; 'chosen' by development; or the index of the layer"),
        ("normalisation", "string", "none, or transductive: speaker, corpus, coral"),
        ("selection", "string", "development, fixed, or none where nothing is to be chosen"),
        ("transductive", "bool", "whether unlabelled test data was read"),
        ("train_share", "float", "share of the training speakers used"),
        ("group", "string", "speaker group, as 'gender=female'; missing: all", True),
        ("class", "string", "class the row is about (metric recall); missing: all", True),
        ("metric", "string", "metric name"),
        ("value", "float", "the score"),
        ("ci_low", "float", "lower end of the 95 % interval", True),
        ("ci_high", "float", "upper end of the 95 % interval", True),
        ("interval_method", "string", "how the interval was made, or why there is none", True),
        ("chance", "float", "the score of a prediction that knows nothing", True),
        ("n_train", "int", "training utterances (mean over folds)"),
        ("n_utterances", "int", "test utterances"),
        ("n_speakers", "int", "test speakers; missing where unknown", True),
        ("leakage", "string", "what the split lets leak; empty: nothing"),
        ("contaminated", "bool", "whether the upstream was trained on the test corpus"),
        ("precision", "string", "precision of the upstream", True),
        ("features_key", "string", "key of the feature space", True),
        ("cards_key", "string", "sha256 of the cards and the recipe, its first 16 digits"),
        ("paralbench_version", "string", "version of this package"),
    ),
)

PREDICTIONS = Table(
    "predictions",
    _columns(
        ("cell", "string", "the cell"),
        ("seed", "string", "seed of the probe"),
        ("layer", "string", "as in scores"),
        ("fold", "string", "the fold whose test part held the utterance"),
        ("corpus", "string", "corpus id"),
        ("utterance", "string", "utterance id"),
        ("speaker", "string", "speaker id", True),
        ("session", "string", "session id: what is resampled where speakers are unknown", True),
        ("gender", "string", "group column", True),
        ("language", "string", "group column", True),
        ("truth", "string", "the label, a number for regression"),
        ("prediction", "string", "what the probe says"),
    ),
    free_prefix="probability ",
)

CONFUSION = Table(
    "confusion",
    _columns(
        ("cell", "string", "the cell"),
        ("layer", "string", "as in scores"),
        ("truth", "string", "the label"),
        ("prediction", "string", "what the probe says"),
        ("count", "int", "utterances, summed over the seeds"),
    ),
)

CALIBRATION = Table(
    "calibration",
    _columns(
        ("cell", "string", "the cell"),
        ("layer", "string", "as in scores"),
        ("bin", "int", "bins of the probability of the predicted class, from 0"),
        ("low", "float", "lower edge of the bin"),
        ("high", "float", "upper edge of the bin"),
        ("count", "int", "predictions in the bin, summed over the seeds"),
        ("confidence", "float", "their mean probability; missing: no prediction", True),
        ("accuracy", "float", "share of them that are right; missing: no prediction", True),
    ),
)

GAPS = Table(
    "gaps",
    _columns(
        ("cell", "string", "the cell"),
        ("layer", "string", "as in scores"),
        ("column", "string", "what groups the speakers: gender, age or language"),
        ("groups", "string", "the groups that are compared, or could not be, joined by ' | '"),
        ("metric", "string", "metric name"),
        ("best", "string", "the group with the best score", True),
        ("worst", "string", "the group with the worst score", True),
        ("gap", "float", "difference of best and worst, never negative", True),
        ("null_mean", "float", "mean gap of groups permuted among speakers", True),
        ("null_high", "float", "their 95 % quantile", True),
        ("p_value", "float", "share of permutations with as large a gap", True),
        ("permutations", "int", "how many there are"),
        ("n_speakers", "int", "speakers of these groups; missing where unknown", True),
        ("reason", "string", "why there is no gap, or no null distribution", True),
    ),
)

EXTRAPOLATION = Table(
    "extrapolation",
    _columns(
        ("cell", "string", "the cell"),
        ("layer", "string", "as in scores"),
        ("metric", "string", "metric name"),
        ("form", "string", "the fitted curve"),
        ("a", "float", "its limit", True),
        ("b", "float", "its factor", True),
        ("c", "float", "its exponent", True),
        ("n_points", "int", "points of the learning curve that were fitted"),
        ("rmse", "float", "root mean squared residual", True),
        ("train_share", "float", "share of the training speakers that is extrapolated to"),
        ("value", "float", "the predicted score", True),
        ("reason", "string", "why there is no fit", True),
    ),
)

SELECTION = Table(
    "selection",
    _columns(
        ("cell", "string", "the cell"),
        ("fold", "string", "the fold"),
        ("seed", "string", "seed of the probe"),
        ("layer", "string", "as in scores"),
        ("train_share", "float", "share of the training speakers used"),
        ("learning_rate", "float", "the chosen one", True),
        ("weight_decay", "float", "the chosen one", True),
        ("steps", "int", "the chosen number of training steps", True),
        ("chosen_layer", "int", "the layer that development chose", True),
        ("setting", "string", "what else was chosen", True),
        ("development_score", "float", "primary metric on development; missing: fixed", True),
        ("layer_weights", "string", "weights of the learned mix, joined by blanks", True),
    ),
)

TIMINGS = Table(
    "timings",
    _columns(
        ("cell", "string", "the cell"),
        ("stage", "string", "decode, encode, probe or score"),
        ("seconds", "float", "wall time of the run that did the work"),
        ("audio_seconds", "float", "audio that was worked on", True),
        ("x_real_time", "float", "audio_seconds over seconds", True),
        (
            "flops",
            "float",
            "floating point operations of encoding each clip alone, a multiply-add counting 2",
            True,
        ),
        ("flops_per_second", "float", "flops over seconds", True),
        (
            "share_of_device",
            "float",
            "flops over those of large matrix products in the same time, measured in the same run "
            "and precision",
            True,
        ),
        ("batches", "int", "how many batches were run", True),
        ("padding_share", "float", "share of the samples in them that was padding", True),
        ("peak_memory_bytes", "int", "peak memory of the process or the device", True),
        (
            "energy_joules",
            "float",
            "energy of the GPU, or of the processors with all that ran on them; missing where "
            "they do not say",
            True,
        ),
        ("device", "string", "cpu, cuda or mps; in brackets what computes on it, if not torch"),
        ("precision", "string", "precision of the upstream", True),
        ("threads", "int", "threads of torch on the CPU; missing: its own number", True),
    ),
)

FAILURES = Table(
    "failures",
    _columns(
        ("cell", "string", "the cell"),
        ("stage", "string", "where it failed"),
        ("error", "string", "kind of the error"),
        ("message", "string", "what it says"),
        ("when", "string", "UTC time"),
    ),
)

AUDIT = Table(
    "audit",
    _columns(
        ("cell", "string", "the cell"),
        ("corpus", "string", "corpus id"),
        ("utterance", "string", "utterance id"),
        ("kept", "bool", "whether the utterance was used in spite of it"),
        ("reason", "string", "a word of the audit's vocabulary"),
        ("detail", "string", "what was found", True),
    ),
)

MANIFEST = Table(
    "manifest",
    _columns(
        ("cell", "string", "the cell"),
        ("kind", "string", "upstream, corpus, task, transfer, package, machine or run"),
        ("id", "string", "which one"),
        ("key", "string", "what is said of it"),
        ("value", "string", "what it is", True),
    ),
)

DROPS = Table(
    "drops",
    _columns(
        ("cell", "string", "the cell of the transfer setting"),
        ("ceiling_cell", "string", "the cell of the ceiling: the tested corpus by itself", True),
        ("layer", "string", "as in scores"),
        ("metric", "string", "metric name"),
        ("value", "float", "the setting's score on the utterances that both predict"),
        ("ceiling", "float", "the ceiling's on the same utterances", True),
        ("drop", "float", "how much worse the setting is than the ceiling; below 0: better", True),
        ("ci_low", "float", "lower end of the drop's 95 % interval, paired by speaker", True),
        ("ci_high", "float", "upper end", True),
        ("interval_method", "string", "how the interval was made, or why there is none", True),
        ("n_train", "int", "training utterances of the setting"),
        ("n_train_ceiling", "int", "training utterances of the ceiling (mean over folds)", True),
        ("n_utterances", "int", "utterances that both predict; without a ceiling, all"),
        ("n_speakers", "int", "their speakers; missing where unknown", True),
        (
            "languages",
            "string",
            "training and test language: same, cross, or mixed, where some of the training "
            "languages are the tested ones; missing where unknown",
            True,
        ),
        ("reason", "string", "why there is no drop", True),
    ),
)

PRIORS = Table(
    "priors",
    _columns(
        ("cell", "string", "the cell of the transfer setting"),
        ("layer", "string", "as in scores"),
        (
            "variant",
            "string",
            "cross: the setting itself; ceiling: the tested corpus by itself; in-corpus: the "
            "training corpus by itself; reweighted: its recalls under the tested corpus's priors; "
            "em: the setting with priors estimated on test data; em-calibrated: after calibration "
            "on held-out speakers of the training corpus",
        ),
        ("source_cell", "string", "the cell whose predictions these are", True),
        ("wa", "float", "weighted accuracy, mean over the seeds", True),
        ("uar", "float", "unweighted average recall, mean over the seeds", True),
        ("decisions_changed", "float", "share of utterances that get another class by EM", True),
        ("temperature", "float", "of the calibration, mean over the seeds", True),
        ("transductive", "bool", "whether unlabelled test data was read"),
        ("reason", "string", "why there are no scores", True),
    ),
)

CLASS_PRIORS = Table(
    "class_priors",
    _columns(
        ("cell", "string", "the cell of the transfer setting"),
        ("layer", "string", "as in scores"),
        ("class", "string", "the class"),
        ("train_prior", "float", "its share of the training utterances", True),
        ("test_prior", "float", "its share of the test utterances"),
        (
            "loss_prior",
            "float",
            "what the loss assumes: equal shares where it is balanced",
            True,
        ),
        ("em_prior", "float", "what EM finds in test data (transductive)", True),
        ("em_calibrated_prior", "float", "the same after calibration", True),
        ("recall", "float", "recall, mean over the seeds"),
        ("recall_in_corpus", "float", "recall of the training corpus by itself", True),
        ("recall_em", "float", "recall with the priors of EM", True),
        ("recall_em_calibrated", "float", "the same after calibration", True),
    ),
)

SHIFTS = Table(
    "shifts",
    _columns(
        ("cell", "string", "the cell"),
        ("layer", "string", "as in scores"),
        ("seed", "string", "seed of the probe; 'mean' averages the seeds"),
        ("ccc", "float", "pearson times bias_correction, of each seed", True),
        ("pearson", "float", "Pearson's correlation coefficient", True),
        ("bias_correction", "float", "Lin's C_b: 1 where neither scale nor mean is shifted", True),
        ("scale_shift", "float", "deviation of the predictions over that of the truth", True),
        (
            "location_shift",
            "float",
            "mean of the predictions minus that of the truth, over the geometric mean of the "
            "deviations",
            True,
        ),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        SCORES,
        PREDICTIONS,
        CONFUSION,
        CALIBRATION,
        GAPS,
        EXTRAPOLATION,
        SELECTION,
        TIMINGS,
        FAILURES,
        AUDIT,
        MANIFEST,
        DROPS,
        PRIORS,
        CLASS_PRIORS,
        SHIFTS,
    )
}
