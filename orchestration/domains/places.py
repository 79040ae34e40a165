"""Places: one grammar for every published place column, and how fine a point may be.

A place is a block (`012XX Canal St`), a crossing (`Bourbon St & Canal St`) or a named place of the
vocabulary. Whatever else a cell holds is none and need not be recognized: no list says what an exact
home looks like. Here are the queries that find such cells in the gate's database. Homes in free text
are looked for in `orchestration/scanning/`. Bringing an address to its block is for the address macros
(`dbt_project/macros/addresses.sql`); what becomes of a line that fails, for the gate.

The queries need a column and the lists of `facts`, and look at distinct values. Great Expectations
formats them and SQLAlchemy looks for `:name` in them: they hold neither braces nor such colons.
"""

from string import ascii_uppercase

VOCABULARIES = ("street_names", "street_suffixes", "street_directions", "named_places")
"""Seeds that the queries of places ask the facts for, as `vocabulary_<name>`."""

BATCH = "{batch}"
"""Stands for the gated table until Great Expectations puts its name there."""

# Hundreds as the source masks them: 012XX, and XX and X for houses below 100 and below 10. Four
# digits would be a house number with XX behind it, and a digit before a single X a block of ten.
_BLOCK = "([0-9][0-9]?[0-9]?XX|XX|X)"
_MOST_STREETS = 4
_MOST_WORDS = 4

# What stands beside a street where roads meet: `Read Blvd Exit`, `I-10 W Onramp Read Blvd`.
_PARTS = "(EXIT|OFFRAMP|ONRAMP|OVERPASS|RAMP|UNDERPASS)"

# Words of a home, of where something is, and of whose it is; and letters of a unit that repeat.
_HOME = (
    "APARTMENT|APT|APTS|ATTIC|BASEMENT|BLDG|BLK|BLOCK|BOX|BSMT|BUILDING|CABIN|CONDO|DOOR|DOWN"
    "|DOWNSTAIRS|DUPLEX|FL|FLAT|FLOOR|FLR|FRNT|FRONT|GARAGE|HOME|HOUSE|HSE|LEFT|LOFT|LOT|LOWER"
    "|LOWR|NUM|NUMBER|OFC|OFFICE|PENTHOUSE|PH|PO|POBOX|REAR|RIGHT|RM|ROOM|SHED|SLIP|SPACE|SPC"
    "|STALL|STE|SUITE|TRAILER|TRLR|UNIT|UP|UPPER|UPPR|UPSTAIRS|WHSE"
    "|ACROSS|AT|BEHIND|BETWEEN|BY|CORNER|FROM|INSIDE|NEAR|OPPOSITE|OR|OUTSIDE"
    "|ATTN|CARE|CO|CORP|INC|LLC|LTD|MISS|MR|MRS|MS"
    f"|{'|'.join(letter * 2 for letter in ascii_uppercase)}|(BLK|XX)[A-Z]+"
)
_TENS = "TWENTY|THIRTY|FORTY|FOURTY|FIFTY|SIXTY|SEVENTY|EIGHTY|NINETY|NINTY"
_NUMBERS = (
    f"{_TENS}|ZERO|OH|NOUGHT|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|ELEVEN|TWELVE"
    "|THIRTEEN|FOURTEEN|FIFTEEN|SIXTEEN|SEVENTEEN|EIGHTEEN|NINETEEN|HUNDRED|THOUSAND|DOZEN|HALF"
)
_ORDINALS = (
    "FIRST|SECOND|THIRD|FOURTH|FIFTH|SIXTH|SEVENTH|EIGHTH|NINTH|TENTH|ELEVENTH|TWELFTH|THIRTEENTH"
    "|FOURTEENTH|FIFTEENTH|SIXTEENTH|SEVENTEENTH|EIGHTEENTH|NINETEENTH|TWENTIETH|THIRTIETH"
    "|FORTIETH|FIFTIETH|SIXTIETH|SEVENTIETH|EIGHTIETH|NINETIETH"
)
# Letters that are typed or read for digits, and Roman numbers, which count from three letters on.
_LOOKALIKE = "[OILSBZQ][OILSBZQ]+"
_ROMAN = "M*(CM|CD|D?C?C?C?)(XC|XL|L?X?X?X?)(IX|IV|V?I?I?I?)"

_STRANGE = f"({_HOME}|({_NUMBERS}|{_ORDINALS})+|{_LOOKALIKE})"
_ORDINAL = (
    "(([2-9]?1ST|[2-9]?2ND|[2-9]?3RD|[2-9]?[4-9]TH|[2-9]0TH|1[0-9]TH)"
    f"|(({_TENS})[- ])?({_ORDINALS}))"
)
# Words of letters, joined by hyphens or apostrophes (doubled, as in SQL), a full stop behind them.
_WORD = "[A-Za-z]+([''-][A-Za-z]+)*[.]?"
_NAME = f"{_WORD}( {_WORD})*"


def cells_that_are_no_place(column: str, *, table: str = BATCH) -> str:
    """The query of the lines whose cell is neither a block, a crossing nor a named place."""
    return _lines(column, table, "not is_place")


def cells_with_unknown_street(column: str, *, table: str = BATCH) -> str:
    """The query of the lines whose cell is a place by its form, with a street that nobody knows."""
    return _lines(column, table, "is_place and not is_known")


def _lines(column: str, table: str, condition: str) -> str:
    cells = f'select "{column}" as cell from {table} where "{column}" is not null'
    return (
        f'select _extract_id, _line from {table} where "{column}" in (\n'
        f"select cell from (\n{judged_places(cells)}\n) where {condition})"
    )


def judged_places(cells: str) -> str:
    """The query that judges the different cells of a query (one column, `cell`): one row per cell.

    `is_place`: the cell has the form of a place. `is_known`: and its streets are in a vocabulary.

    A street that no vocabulary has is one by its form: a few words of letters before a suffix, none
    of which could tell a home, not ending in a street that is known (`Apt B Canal St`); an ordinal
    and a suffix; or a known street cut short (`Canal S`), which says nothing more than the street.
    In a crossing not all may be cut short: `Julia & Robert` are two people.
    """
    return f"""
with cells as (
    select distinct cell from ({cells})
),

known as ({_values("street_names")}),

named as ({_values("named_places")}),

suffixes as ({_values("street_suffixes")}),

directions as ({_values("street_directions")}),

told_apart as (
    select
        cell,
        regexp_matches(cell, '^{_BLOCK} ') as is_block,
        string_split(regexp_replace(cell, '^{_BLOCK} ', ''), ' & ') as sides
    from cells
),

sides as (
    select distinct unnest(sides) as side from told_apart
),

pieces as (
    select
        side,
        unnest(list_filter(
            regexp_split_to_array(side, '(?i)(^| ){_PARTS}( |$)'), lambda part: part <> ''
        )) as piece
    from sides
),

streets as (
    select
        piece,
        upper(piece) as name,
        string_split(upper(piece), ' ') as words,
        upper(piece) in (from known) as is_known
    from (select distinct piece from pieces)
),

-- `Apt B Canal St`, `BCanal St`, `64th St` for 6 4th St: what stands before a known street may tell
-- a home.
parted as (
    select
        piece,
        left(name, place) as head
    from (
        select piece, name, unnest(range(1, length(name))) as place from streets where not is_known
    )
    where substr(name, place + 1) in (from known)
),

disguised as (
    select distinct piece from parted
    where ends_with(head, ' ') and rtrim(head) not in (from directions)
        or regexp_matches(head, '(^| )([A-Z0-9]|{_STRANGE})$')
),

cuts as (
    select distinct rtrim(left(value, length(value) - n)) as value from (
        select value, unnest(range(1, 1 + length(string_split(value, ' ')[-1]))) as n
        from known where contains(value, ' ')
    )
),

described as (
    select
        piece,
        words,
        is_known,
        regexp_full_match(piece, '{_NAME}') and len(list_filter(
            regexp_split_to_array(name, '[ .-]'), lambda word:
            regexp_full_match(word, '{_STRANGE}')
            or length(word) > 2 and regexp_full_match(word, '{_ROMAN}')
        )) = 0 as is_name,
        words[-1] in (from suffixes) as has_suffix,
        words[1] in (from directions) as has_direction,
        name in (from cuts) as is_cut,
        piece in (from disguised) as is_disguised
    from streets
),

classed as (
    select
        piece,
        case
            when is_known then 3
            when is_name and has_suffix and not is_disguised
                and len(words) - cast(has_direction as int) between 2 and {_MOST_WORDS}
                and (has_direction or not regexp_matches(words[1], '^[A-Z]([.-]|$)'))
                and not regexp_matches(words[-2], '(^|-)[A-Z][.]?$')
                then 2
            when has_suffix and not is_disguised and regexp_full_match(array_to_string(list_slice(
                words, case when has_direction then 2 else 1 end, len(words) - 1
            ), ' '), '{_ORDINAL}') then 2
            when is_name and is_cut then 1
            else 0
        end as class
    from described
),

judged as (
    select
        side,
        case
            when upper(side) in (from named) or upper(side) in (from known) then 3
            else min(class)
        end as class,
        min(piece) = side and min(class) > 0 as is_street
    from sides
    left join pieces using (side)
    left join classed using (piece)
    group by side
),

summed as (
    select
        cell,
        is_block,
        count(*) as streets,
        min(coalesce(class, 0)) as worst,
        max(coalesce(class, 0)) as best,
        bool_and(coalesce(is_street, false)) as are_streets
    from (select cell, is_block, unnest(sides) as side from told_apart)
    left join judged using (side)
    group by cell, is_block
)

select
    cell,
    upper(cell) in (from named) or worst > 0 and case
        when is_block then streets = 1 and are_streets
        else streets between 2 and {_MOST_STREETS} and best > 1
    end as is_place,
    upper(cell) in (from named) or worst = 3 as is_known
from summed
"""


def _values(vocabulary: str) -> str:
    return (
        f"select distinct upper(value) as value from "
        f"(select unnest(vocabulary_{vocabulary}) as value from facts)"
    )


def cells_that_are_no_point(
    column: str,
    *,
    box: tuple[float, float, float, float],
    decimals: int | None = None,
    table: str = BATCH,
) -> str:
    """The query of the lines whose cell is no `POINT (longitude latitude)` within the box.

    The form is exact, nothing stands behind it, and neither number has more decimals than allowed.
    """
    number = r"-?[0-9]+(\.[0-9]+)?"
    west, south, east, north = box
    longitude = rf"regexp_extract(\"{column}\", '\((-?[0-9.]+) ', 1)".replace('\\"', '"')
    latitude = rf"regexp_extract(\"{column}\", ' (-?[0-9.]+)\)', 1)".replace('\\"', '"')
    conditions = [
        rf"""regexp_full_match("{column}", 'POINT ?\({number} {number}\)')""",
        f"try_cast({longitude} as double) between {west!r} and {east!r}",
        f"try_cast({latitude} as double) between {south!r} and {north!r}",
    ]
    if decimals is not None:
        conditions += [
            f"length(split_part({text}, '.', 2)) <= {decimals}" for text in (longitude, latitude)
        ]
    return (
        f'select _extract_id, _line from {table} where "{column}" is not null '
        f"and not coalesce({' and '.join(conditions)}, false)"
    )
