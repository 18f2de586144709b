"""The table."""


def table(measured):
    """The lines with both sides' times, and how many times faster the first side's median is."""
    rows = [("", "serveml p50", "p99", "mlflow p50", "p99", "ratio")]
    for name, sides in measured.items():
        ours, theirs = sides["serveml"], sides["mlflow server"]
        rows.append(
            (name, *(f"{value:.1f} ms" for value in (ours["p50"], ours["p99"], theirs["p50"], theirs["p99"])), f"{theirs['p50'] / ours['p50']:.1f}x")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))) for row in rows
    )
