{#
    Cells that are lists, as the dataset files declare them: `{'separator': ' | ', 'set': false}`.

    A list is parsed once, where it is read: parts are told apart by the separator without its blanks,
    trimmed as other cells are, and written again with the separator between them. A blank part by
    place is written as nothing between two separators, so that `| White` and ` | White` are two places
    both; a set drops it. A list of blanks only says nothing, and is null. From there on, and in
    everything that is published, taking a cell apart at the separator gives its places.
#}

{# The parse of a cell, of blanks as `trimmed` has them. #}
{% macro trimmed_list(column, lists) -%}
    {%- set list = lists[column] -%}
    {%- set cell = trimmed(column) -%}
    {%- set mark = sql_text(list['separator'] | trim) -%}
    {%- set parts -%}
        list_transform(
            string_split({{ cell }}, {{ mark }}), lambda part: coalesce({{ trimmed('part') }}, '')
        )
    {%- endset -%}
    case
        when not contains({{ cell }}, {{ mark }}) then {{ cell }}
        else {{ list_written(parts, list) }}
    end
{%- endmacro %}

{# Parts as one cell; null where all of them are blank. #}
{% macro list_written(parts, list) -%}
    {%- set filled = "list_filter(" ~ parts ~ ", lambda part: part <> '')" -%}
    case
        when len({{ filled }}) > 0 then array_to_string(
            {{ filled if list['set'] else parts }}, {{ sql_text(list['separator']) }}
        )
    end
{%- endmacro %}

{# The places of a cell as it was parsed. #}
{% macro places_of(cell, list) -%}
    string_split({{ cell }}, {{ sql_text(list['separator']) }})
{%- endmacro %}

{# The parts of a cell that say something, of any that is a list; none of a null. #}
{% macro parts_of(cell, list) -%}
    list_filter({{ places_of("coalesce(" ~ cell ~ ", '')", list) }}, lambda part: part <> '')
{%- endmacro %}

{#
    Steps on a list are taken part by part: within the lambda, the name of the cell as read is that of
    the part. What becomes null leaves its place blank.
#}
{% macro list_stepped(column, steps, list) -%}
    {%- set part = column ~ '__read' -%}
    {%- set parts -%}
        list_transform({{ places_of(part, list) }}, lambda {{ part }}: coalesce(case
            {%- for step in steps %}
            when {{ step['when'] }} then {{ step['then'] }}
            {%- endfor %}
            else {{ part }}
        end, ''))
    {%- endset -%}
    {{ list_written(parts, list) }}
{%- endmacro %}

{# Whether a step holds for some part of a cell. #}
{% macro list_holds(column, step, list) -%}
    {%- set part = column ~ '__read' -%}
    len(list_filter({{ places_of(part, list) }}, lambda {{ part }}: {{ step['when'] }})) > 0
{%- endmacro %}

{# Whether cells that go together have unequally many places; a null is blank at every place. #}
{% macro are_uneven(cells, list) -%}
    len(list_distinct([
        {%- for cell in cells %}
        len({{ places_of(cell, list) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ])) > 1
{%- endmacro %}

{# Text as a literal. #}
{% macro sql_text(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{# Texts as a list of literals. #}
{% macro sql_texts(texts) -%}
    {%- for text in texts %}{{ sql_text(text) }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{# How many places a line has in lists that go together; one where all of them are blank. #}
{% macro most_places(columns, list) -%}
    greatest(
        1
        {%- for name in columns %}
        , len({{ places_of(name, list) }})
        {%- endfor %}
    )
{%- endmacro %}

{# A cell with all its places, which a null does not show. #}
{% macro with_places(column, places, list) -%}
    coalesce({{ column }}, repeat({{ sql_text(list['separator']) }}, {{ places }} - 1))
{%- endmacro %}

{# Whether all lines of a group say the same in all of some columns. #}
{% macro are_the_same(columns) -%}
    {%- for name in columns -%}
        min(coalesce({{ name }}, '')) = max(coalesce({{ name }}, ''))
        {{- ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Lines put side by side in the order of their `place`: an entry each, with all its places. #}
{% macro one_per_line(column, list, places='1') -%}
    case
        when count({{ column }}) > 0 then string_agg(
            {{ with_places(column, places, list) }}, {{ sql_text(list['separator']) }} order by place
        )
    end
{%- endmacro %}

{# The one value where all lines say the same of all columns that go together, else one per line. #}
{% macro same_or_one_per_line(column, list, together=none, places='1') -%}
    case
        when {{ are_the_same(together or [column]) }} then min({{ column }})
        when count({{ column }}) > 0 then string_agg(
            {{ with_places(column, places, list) }}, {{ sql_text(list['separator']) }} order by place
        )
    end
{%- endmacro %}
