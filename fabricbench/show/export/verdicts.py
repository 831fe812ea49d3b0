"""What the verdict on a row means to a test report, and its figures in full."""

from typing import Literal

from fabricbench.judge.compare import Row

Settled = Literal["passed", "failed", "other"]


def settled(row: Row) -> Settled:
    """Worse fails where the row is gated; no answer, and a slowdown outside the gate, are neither."""
    if row.verdict == "worse":
        return "failed" if row.gated else "other"
    return "passed" if row.verdict in ("better", "same") else "other"


def figures(row: Row) -> str:
    """Everything that the verdict rests on, in one line."""
    interval = f" (95 %: {_six(row.low)} to {_six(row.high)})" if row.low is not None and row.high is not None else ""
    parts = [
        f"{row.verdict}",
        f"base {_six(row.base_s)} s, new {_six(row.new_s)} s",
        *([f"new / base {_six(row.ratio)}{interval}"] if row.ratio is not None else []),
        f"launches {row.base_launches} + {row.new_launches}",
        f"margin {100 * row.margin:g} %",
        *([f"flags {', '.join(row.flags)}"] if row.flags else []),
    ]
    return "; ".join(parts)


def _six(value: float | None) -> str:
    return "N/A" if value is None else f"{value:.6g}"
