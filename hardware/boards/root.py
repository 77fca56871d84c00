"""The root page: blocks in columns, the car on the left, what serves the processor on the right."""

_TOP, _LEFT, _COLUMN, _GAP = 18, 16, 38, 8


def arrange(project, sheets, columns):
    """columns: names of sheets from left to right, each column from top to bottom."""
    project.root.heading(project.title, 8, 8)
    project.root.note(
        "Equal names are joined. Supplies run by their symbols: +VIN filtered battery, +5V_HELD with hold-up.",
        8,
        11,
    )
    for i, names in enumerate(columns):
        y = _TOP
        for name in names:
            y = project.block(sheets[name], _LEFT + i * _COLUMN, y) + _GAP
