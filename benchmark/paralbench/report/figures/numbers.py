"""Numbers as papers write them: ``.612 [.540, .684]``."""

from paralbench.report.figures.board import known

NONE = "\u2013"  # an en dash, where there is no number


def number(value: float | None) -> str:
    """Three decimals without a leading zero, two from 10 on; a dash where there is none."""
    if value is None or not known(value):
        return NONE
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A score and, where there is one, its interval."""
    if low is None or high is None or not (known(low) and known(high)):
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"
