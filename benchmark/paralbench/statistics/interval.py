"""A confidence interval, or the reason why there is none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a score.

    Attributes:
        low, high: the ends, within the metric's range; None where there is no interval.
        method: what the table's ``interval_method`` says: ``UNIT-bootstrap``,
            ``UNIT-bootstrap-within-class``, ``UNIT-jackknife-t`` or
            ``UNIT-jackknife-t-within-class``, where UNIT is speaker, session or utterance; or
            ``none: `` and the reason.
        n_units: how many distinct units there were.
        reason: why there is no interval; None where there is one.
        redrawn: resamples that were drawn again because they lacked a class or were undefined.
    """

    low: float | None
    high: float | None
    method: str
    n_units: int
    reason: str | None = None
    redrawn: int = 0


def no_interval(reason: str, n_units: int, redrawn: int = 0) -> Interval:
    """An interval that is missing for a reason."""
    return Interval(None, None, f"none: {reason}", n_units, reason, redrawn)
