"""The kinds of dirt: what may happen to clean cells.

What belongs here: the keys of each kind, and which columns it touches. What it does to the text is
in ``dirt.py``, one function per kind. ``share`` is of the lines (or of what ``per`` names) for
which the conditions hold; ``times`` is a number of them in the whole dataset instead.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictStr

from orchestration.sources.sample.conditions import Share, Strict, Weights, When, fields_of


class _Dirt(Strict):
    kind: StrictStr
    share: Share = 1.0
    times: int | None = None
    per: str | None = None
    when: When = ()

    @property
    def columns_touched(self) -> tuple[str, ...]:
        """Columns that it may change."""
        raise NotImplementedError

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields that it reads besides."""
        return fields_of(self.when)


class FromField(Strict):
    """The text of a field, where a cell could also be given as it is."""

    field: str


class SetCells(_Dirt):
    """Other text in one or several cells of the line; ``null`` empties a cell."""

    do: Literal["set"]
    cells: dict[str, StrictStr | FromField | None]

    @property
    def columns_touched(self) -> tuple[str, ...]:
        """Columns of the cells."""
        return tuple(self.cells)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of the conditions and of the cells."""
        named = (cell.field for cell in self.cells.values() if isinstance(cell, FromField))
        return (*fields_of(self.when), *named)


class Variants(_Dirt):
    """Other spellings of listed values, by weight."""

    do: Literal["variants"]
    column: str
    variants: dict[StrictStr, Weights]

    @property
    def columns_touched(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


class OneColumn(_Dirt):
    """Damage to the text of one or several columns, each by itself."""

    columns: tuple[str, ...] = Field(min_length=1)

    @property
    def columns_touched(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns


class Rewrite(OneColumn):
    """Regular expressions and what replaces them, all applied in order."""

    do: Literal["rewrite"]
    replace: dict[StrictStr, StrictStr]


class ExcelScientific(OneColumn):
    """``1E03``, taken for a number by a spreadsheet, comes back as ``1.00E+03``."""

    do: Literal["excel_scientific"]


class Space(OneColumn):
    """A space too many: before, after, or beside the first one inside."""

    do: Literal["space"]
    where: Literal["start", "end", "inside"]


class LetterCase(OneColumn):
    """All letters in capitals or small."""

    do: Literal["letter_case"]
    to: Literal["upper", "lower"]


class Truncate(OneColumn):
    """Cut after so many characters."""

    do: Literal["truncate"]
    length: int


class Swap(_Dirt):
    """Two cells of the line change places."""

    do: Literal["swap"]
    columns: tuple[str, str]

    @property
    def columns_touched(self) -> tuple[str, ...]:
        """Both."""
        return self.columns


class UnquotedComma(_Dirt):
    """A text with a comma that nobody quoted: its tail and what follows move one cell on.

    The last of the columns loses its own value, so that the line has the right number of cells.
    """

    do: Literal["unquoted_comma"]
    columns: tuple[str, ...] = Field(min_length=2)
    text: StrictStr

    @property
    def columns_touched(self) -> tuple[str, ...]:
        """The column of the text and those after it."""
        return self.columns


DirtSpec: TypeAlias = Annotated[
    SetCells
    | Variants
    | Rewrite
    | ExcelScientific
    | Space
    | LetterCase
    | Truncate
    | Swap
    | UnquotedComma,
    Field(discriminator="do"),
]
