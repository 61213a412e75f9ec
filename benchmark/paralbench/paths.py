"""Where ParaLBench keeps what it fetched and computed.

``PARALBENCH_HOME`` names the folder; without it, ``paralbench`` in the user's cache folder.
"""

import os
from pathlib import Path


def home() -> Path:
    """The folder for corpora, weights, decoded audio and features."""
    given = os.environ.get("PARALBENCH_HOME")
    if given:
        return Path(given).expanduser().resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache).expanduser().resolve() / "paralbench"


def config_file() -> Path:
    """The user's settings, which need not exist: `$PARALBENCH_CONFIG`, else the usual place."""
    given = os.environ.get("PARALBENCH_CONFIG")
    if given:
        return Path(given).expanduser().resolve()
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config).expanduser().resolve() / "paralbench" / "config.yaml"


def corpora_home() -> Path:
    """Fetched corpora, one folder per corpus id."""
    return home() / "corpora"


def weights_home() -> Path:
    """Fetched and converted checkpoints, one folder per upstream id."""
    return home() / "weights"


def downloads_home() -> Path:
    """Archives as they were downloaded, by checksum."""
    return home() / "downloads"


def audio_home() -> Path:
    """Decoded 16 kHz mono audio, shared by all upstreams."""
    return home() / "audio"


def manifests_home() -> Path:
    """The manifests of large corpora, as they were read."""
    return home() / "manifests"


def features_home() -> Path:
    """The feature store, shared by all tasks and runs."""
    return home() / "features"
