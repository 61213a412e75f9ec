"""In this process."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from paralbench.runner.device import choose_device
from paralbench.runner.executors.work import Found, Part, Place, Results, Told, Work

if TYPE_CHECKING:
    from paralbench.runner.request import Request


class Local:
    """One part after the other, in this process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        """There is nothing to close."""

    def settle(self, request: "Request") -> "tuple[Request, Place]":
        """The request on the device that is here."""
        return replace(request, device=choose_device(request.device)), Place(slots=1)

    def run(self, work: Work[Part, Found], parts: Sequence[Part], told: Told) -> Results[Found]:
        """Do the parts in their order."""
        for index, part in enumerate(parts):
            yield index, work.do(part, lambda event, index=index: told(index, event))
