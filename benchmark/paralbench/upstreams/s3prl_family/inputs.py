"""What the layers inside one of s3prl's modules are given: its hidden states."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Inputs:
    """Keeps the first input of some modules while a batch is encoded.

    Args:
        modules: in the order in which they are called; each gets a hook.
    """

    def __init__(self, modules: Iterable[nn.Module]):
        self._found: list[torch.Tensor] = []
        for module in modules:
            module.register_forward_pre_hook(self._keep)

    def _keep(self, _module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._found.append(inputs[0])

    @contextmanager
    def kept(self) -> Iterator[list[torch.Tensor]]:
        """The list that is filled meanwhile.

        Nothing is held beyond it: the tensors of a batch for which memory ran out must be gone
        when it is tried again in halves.
        """
        self._found = found = []
        try:
            yield found
        finally:
            self._found = []
