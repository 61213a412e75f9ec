"""Lists of convolutions as fairseq writes them, parsed.

Configurations of fairseq's time hold them as Python expressions, ``[(512, 10, 5)] + [(512, 4, 2)]
* 3``, which their owners' code evaluates. A checkpoint is a stranger's data: here nothing is
evaluated, and no size makes work that a real model would not.
"""

import re
from pathlib import Path

from paralbench.errors import WeightsError

_TRIPLE = r"\(\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\)"
_NUMBER = re.compile(r"\d+")
_TERM = re.compile(rf"\s*\[\s*({_TRIPLE}(?:\s*,\s*{_TRIPLE})*)\s*,?\s*\]\s*(?:\*\s*(\d+)\s*)?")
_MOST_LAYERS, _LARGEST = 64, 1 << 14

Convolutions = list[list[int]]


def convolutions(text: str, where: Path | str) -> Convolutions:
    """The convolutions ``[dim, kernel, stride]`` that an expression of fairseq's lists.

    Args:
        text: the expression.
        where: the file, and the key in it, for messages.

    Raises:
        WeightsError: it is no sum of such lists, or of implausible sizes.
    """
    layers: Convolutions = []
    for term in text.split("+"):
        match = _TERM.fullmatch(term)
        times = int(match[2] or 1) if match and len(match[2] or "") <= 4 else _MOST_LAYERS + 1
        triples = re.findall(_TRIPLE, term) if match and times <= _MOST_LAYERS else []
        layers += times * [[int(number) for number in _NUMBER.findall(one)] for one in triples]
        plausible = all(0 < number <= _LARGEST for layer in layers for number in layer)
        if not triples or not plausible or len(layers) > _MOST_LAYERS:
            raise WeightsError(
                f"{where}: {text[:80]!r} is no list of convolutions (channels, kernel, stride), "
                "such as '[(512, 10, 5)] + [(512, 4, 2)] * 3'."
            )
    return layers


def rendered(layers: Convolutions) -> str:
    """Convolutions as fairseq writes them."""
    return str([tuple(layer) if isinstance(layer, list) else layer for layer in layers])
