"""A checkpoint of fairseq or s3prl, read as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paralbench.errors import WeightsError
from paralbench.upstreams import pickled

if TYPE_CHECKING:
    import torch

SUFFIXES = (".ckpt", ".pt", ".pth")

# s3prl's trainer saved the state of its learning-rate schedule, which is an object of these.
_SCHEDULES = tuple(
    f"{module}.{name}"
    for module in ("optimizers", "s3prl.optimizers")
    for name in (
        "ConstantLR",
        "WarmupConstantSchedule",
        "WarmupCosineSchedule",
        "WarmupCosineWithHardRestartsSchedule",
        "WarmupCosineWithWarmupRestartsSchedule",
        "WarmupLinearSchedule",
    )
)
ALLOWED = (*pickled.NAMESPACE, *pickled.FAIRSEQ_METERS, *pickled.NUMPY, *_SCHEDULES)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        file: where it lies.
        content: as :func:`paralbench.upstreams.pickled.read_pickled` gives it.
    """

    file: Path
    content: Mapping[Any, Any]

    @classmethod
    def read(cls, file: Path) -> "Checkpoint":
        """Read a file without running anything in it.

        Raises:
            WeightsError: it is damaged, or holds classes that are not known to be inert.
        """
        return cls(file, pickled.read_pickled(file, allow=ALLOWED))

    def has(self, *keys: str) -> bool:
        """Whether the file has all these keys at its top."""
        return all(key in self.content for key in keys)

    def settings(self, key: str) -> dict[str, Any]:
        """A configuration in the file, as plain data.

        Raises:
            WeightsError: it is missing, or no mapping.
        """
        found = pickled.plain(self._get(key), where=self.file)
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
            raise WeightsError(f"{self.file}: {key!r} in it is not a configuration.")
        return found

    def tensors(self, key: str) -> "dict[str, torch.Tensor]":
        """A mapping from names to tensors in the file.

        Raises:
            WeightsError: it is missing, or something else.
        """
        import torch

        found = self._get(key)
        if not isinstance(found, Mapping):
            raise WeightsError(f"{self.file}: {key!r} in it is not a mapping to tensors.")
        others = [str(name) for name, one in found.items() if not torch.is_tensor(one)]
        if others:
            raise WeightsError(
                f"{self.file}: {key!r} in it holds more than tensors: {', '.join(others[:8])}."
            )
        return {str(name): one for name, one in found.items()}

    def _get(self, key: str) -> Any:
        try:
            return self.content[key]
        except KeyError:
            keys = ", ".join(sorted(map(str, self.content))[:12]) or "nothing"
            raise WeightsError(
                f"{self.file}: no {key!r} in it, so it is no checkpoint of this model. It "
                f"holds: {keys}."
            ) from None


def typed(
    given: Mapping[str, Any], defaults: Mapping[str, Any], where: Path, prefix: str = ""
) -> dict[str, Any]:
    """The settings named by ``defaults``, each of its default's type.

    Args:
        given: may lack some, and hold others, which are left out.
        defaults: what holds where a setting is missing; a type stands for no default.
        where: the file, for messages.
        prefix: before the names in messages.

    Raises:
        WeightsError: a setting is of another type, or one without a default is missing.
    """
    settings = {}
    for name, default in defaults.items():
        kind = default if isinstance(default, type) else type(default)
        value = given.get(name, default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            said = "is missing" if isinstance(value, type) else f"is {value!r}"
            raise WeightsError(
                f"{where}: {prefix}{name} {said}; a value of type {kind.__name__} is needed."
            )
        settings[name] = value
    return settings
