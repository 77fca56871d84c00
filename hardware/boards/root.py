"""The root page: blocks in columns, the car on the left, what serves the processor on the right."""

_TOP, _LEFT, _COLUMN, _GAP = 18, 16, 38, 8
_NOTES_Y = 72


def arrange(project, sheets, columns, notes):
    """columns: names of sheets from left to right, each column from top to bottom;
    notes: ((heading, text), ...) side by side below them."""
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
    for i, (heading, text) in enumerate(notes):
        x = 8 + i * 56
        project.root.heading(heading, x, _NOTES_Y)
        project.root.note(text, x, _NOTES_Y + 3)
