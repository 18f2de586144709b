"""Turns what was measured into a table."""

from __future__ import annotations

import statistics

# (key, title, unit's format, whether more is better)
LINES = [
    ("p50_ms_1", "p50, 1 connection, ms", "{:.2f}", False),
    ("p99_ms_1", "p99, 1 connection, ms", "{:.2f}", False),
    ("per_second_1", "requests/s, 1 connection", "{:.0f}", True),
    ("p50_ms_8", "p50, 8 connections, ms", "{:.2f}", False),
    ("p99_ms_8", "p99, 8 connections, ms", "{:.2f}", False),
    ("per_second_8", "requests/s, 8 connections", "{:.0f}", True),
    ("cpu_ms_8", "CPU time per request at 8, ms", "{:.2f}", False),
    ("cold_start", "cold start to first prediction, s", "{:.2f}", False),
    ("memory", "memory after that load, MB", "{:.0f}", False),
]


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The middle of what the rounds measured, line by line."""
    return {key: statistics.median(round_[key] for round_ in rounds) for key in rounds[0]}


def ratios(measured: dict[str, dict[str, float]], base: str) -> dict[str, dict[str, float]]:
    """How many times better than the base each is: above 1 is better on every line."""
    return {name: {key: _better(line[key], measured[base][key], more) for key, _, _, more in LINES} for name, line in measured.items()}


def _better(value: float, base: float, more: bool) -> float:
    return value / base if more else base / value


def serving(measured: dict[str, dict[str, float]], titles: dict[str, str], base: str) -> str:
    """The table of the contestants, in Markdown: each value, and how many times better than the base it is."""
    better = ratios(measured, base)
    rows = [["", *(titles[name] for name in measured)]]
    for key, title, form, _ in LINES:
        cells = [form.format(measured[name][key]) + ("" if name == base else f" ({better[name][key]:.1f}x)") for name in measured]
        rows.append([title, *cells])
    return markdown(rows)


def deployments(first: dict[str, float], second: dict[str, float]) -> str:
    """The table of the deployments, in Markdown."""
    rows = [["deployment, s", *first]]
    rows += [[title, *(f"{stages[stage]:.1f}" for stage in first)] for title, stages in (("first", first), ("second", second))]
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    """A table whose columns line up; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
