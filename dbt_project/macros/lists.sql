{#
    Cells that are lists, as the dataset files declare them.

    A list is parsed once, where it is read: parts are told apart by the separator without its blanks,
    trimmed as other cells are, and written again with the separator between them. A blank part by
    place is written as nothing between two separators, so that `| White` and ` | White` are two places
    both; a set drops it. A list of blanks only says nothing, and is null. From there on, and in
    everything that is published, taking a cell apart at the separator gives its places.
#}

{# The parse of a cell, of blanks as `trimmed` has them. #}
{% macro list_read(column, cell) -%}
    {%- set mark = sql_text(column['list']['mark']) -%}
    {%- set parts -%}
        list_transform(
            string_split({{ cell }}, {{ mark }}), lambda part: coalesce({{ trimmed('part') }}, '')
        )
    {%- endset -%}
    case
        when not contains({{ cell }}, {{ mark }}) then {{ cell }}
        else {{ list_written(column, parts) }}
    end
{%- endmacro %}

{# Parts as one cell; null where all of them are blank. #}
{% macro list_written(column, parts) -%}
    {%- set said = "list_filter(" ~ parts ~ ", lambda part: part <> '')" -%}
    case
        when len({{ said }}) > 0 then array_to_string(
            {{ said if column['list']['set'] else parts }}, {{ sql_text(column['list']['separator']) }}
        )
    end
{%- endmacro %}

{# The places of a cell as it was parsed. #}
{% macro places_of(column, cell) -%}
    string_split({{ cell }}, {{ sql_text(column['list']['separator']) }})
{%- endmacro %}

{# The parts of a cell that say something, of any that is a list; none of a null. #}
{% macro parts_of(column, cell) -%}
    list_filter(
        {{ places_of(column, "coalesce(" ~ cell ~ ", '')") }}, lambda part: part <> ''
    )
{%- endmacro %}

{#
    Steps on a list are taken part by part: within the lambda, the name of the cell as read is that of
    the part. What becomes null leaves its place blank.
#}
{% macro list_stepped(column, steps) -%}
    {%- set part = column['name'] ~ '__read' -%}
    {%- set parts -%}
        list_transform({{ places_of(column, part) }}, lambda {{ part }}: coalesce(case
            {%- for step in steps %}
            when {{ step['when'] }} then {{ step['then'] }}
            {%- endfor %}
            else {{ part }}
        end, ''))
    {%- endset -%}
    {{ list_written(column, parts) }}
{%- endmacro %}

{# Whether a step holds for some part of a cell. #}
{% macro list_holds(column, step) -%}
    {%- set part = column['name'] ~ '__read' -%}
    len(list_filter({{ places_of(column, part) }}, lambda {{ part }}: {{ step['when'] }})) > 0
{%- endmacro %}

{#
    Which lists of a line go together and have unequally many places; null where all is well. A null is
    blank at every place, however many there are.
#}
{% macro uneven_lists(id, derived) -%}
    nullif(concat_ws(
        ', '
        {%- for places, columns in lists_together(id).items() %}
        , case
            when len(list_distinct([
                {%- for column in columns %}
                len({{ places_of(column, cell(id, column['name'], derived)) }}){{ ',' if not loop.last }}
                {%- endfor %}
            ])) > 1 then '{{ places }}'
        end
        {%- endfor %}
    ), '')
{%- endmacro %}

{# The lists of a dataset that go together, by what their places stand for. #}
{% macro lists_together(id) %}
    {%- set groups = {} -%}
    {%- for column in dataset(id)['columns'] if column['list'] and column['list']['places'] -%}
        {%- set places = column['list']['places'] -%}
        {%- do groups.update({places: groups.get(places, []) + [column]}) -%}
    {%- endfor -%}
    {{ return(groups) }}
{% endmacro %}

{# Text as a literal. #}
{% macro sql_text(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{# How many places a line has in lists that go together; one where all of them are blank. #}
{% macro most_places(columns) -%}
    greatest(
        1
        {%- for column in columns %}
        , len({{ places_of(column, column['name']) }})
        {%- endfor %}
    )
{%- endmacro %}

{# A cell with all its places, which a null does not show. #}
{% macro with_places(column, places) -%}
    coalesce({{ column['name'] }}, repeat({{ sql_text(column['list']['separator']) }}, {{ places }} - 1))
{%- endmacro %}

{# Whether all lines of a group say the same in all of some columns. #}
{% macro are_the_same(columns) -%}
    {%- for column in columns -%}
        min(coalesce({{ column['name'] }}, '')) = max(coalesce({{ column['name'] }}, ''))
        {{- ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
