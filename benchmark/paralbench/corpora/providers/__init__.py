"""Providers: each brings what one kind of source names, checks it and lays it out.

A provider is ``provide(source, into, downloads, tell) -> str``: it fills the folder ``into`` and
returns the corpus's folder relative to it, or raises FetchError.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from paralbench.corpora.providers import debian, pypi, url
from paralbench.storage.downloads import Downloads

Provide = Callable[[Any, Path, Downloads, Callable[[str], None]], str]

PROVIDERS: dict[str, Provide] = {
    "debian": debian.provide,
    "pypi": pypi.provide,
    "url": url.provide,
}
