"""A page of text: a headline, then sections of labelled lines and small tables."""

from collections.abc import Sequence

_INDENT = "  "
_LABEL_WIDTH = 14


class Page:
    """Lines of a page, in the order they are added. Widths are characters, so colours are put on by the caller last."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        """A heading, with a blank line before it."""
        self.lines += ["", title]

    def pair(self, label: str, text: str) -> None:
        """One labelled line; without a label it continues the one before."""
        self.lines.append(f"{_INDENT}{label.ljust(_LABEL_WIDTH)} {text}")

    def line(self, text: str) -> None:
        """One line of a section."""
        self.lines.append(f"{_INDENT}{text}")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """Columns as wide as their widest cell, those in `right` (numbers) aligned to the right; no rows, no table."""
        if not rows:
            return
        grid = [list(head), *map(list, rows)]
        widths = [max(len(row[place]) for row in grid) for place in range(len(head))]
        for row in grid:
            cells = (
                cell.rjust(width) if place in right else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self.lines.append(f"{_INDENT}{'  '.join(cells)}".rstrip())

    def text(self) -> str:
        """The whole page."""
        return "\n".join(self.lines)
