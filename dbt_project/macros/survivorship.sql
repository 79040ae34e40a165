{#
    Which value a published row takes when its key has several versions, column by column as the
    dataset file says. `fated_lines` finds out which line gives what.

    latest    the winner's value, null or not: what the source withheld is never filled in
    earliest  the smallest
    longest   the longest text, ties in alphabetical order
    filled    the best-ranked value that is not null
    union     of sets: every part once, the winner's first
#}

{# The order in which versions are asked for a cell; the first gives it. #}
{% macro preference(survivorship, cell) -%}
    {%- if survivorship == 'earliest' -%}
        {{ cell }} nulls last, version_rank
    {%- elif survivorship == 'longest' -%}
        length({{ cell }}) desc nulls last, {{ cell }}, version_rank
    {%- else -%}
        {{ cell }} is null, version_rank
    {%- endif -%}
{%- endmacro %}

{# Whether a version gives a cell: it is asked first or, of a list, has a part that none before has. #}
{% macro gives(survivorship, cell, list=none) -%}
    {%- if survivorship == 'union' -%}
        not list_has_all(coalesce(flatten(list({{ parts_of(cell, list) }}) over (
            partition by row_key order by version_rank
            rows between unbounded preceding and 1 preceding
        )), []), {{ parts_of(cell, list) }})
    {%- else -%}
        1 = row_number() over (partition by row_key order by {{ preference(survivorship, cell) }})
    {%- endif -%}
{%- endmacro %}

{# The winner's value. #}
{% macro winning(column) -%}
    any_value({{ column }}) filter (where version_rank = 1)
{%- endmacro %}

{# The value of the version that gives it. #}
{% macro given(column) -%}
    any_value({{ column }}) filter (where list_contains(gives, '{{ column }}'))
{%- endmacro %}

{# Every part of a set once, as versions are ranked. #}
{% macro united(column, list) -%}
    nullif(array_to_string(list_filter(
        flatten(list({{ parts_of(column, list) }} order by version_rank)),
        (part, place) -> list_position(
            flatten(list({{ parts_of(column, list) }} order by version_rank)), part
        ) = place
    ), {{ sql_text(list['separator']) }}), '')
{%- endmacro %}

{# An entry for a cell that came from another version than the winner, or null. #}
{% macro survived(column, value) -%}
    case
        when {{ value }} is distinct from {{ winning(column) }} then struct_pack(
            column_name := '{{ column }}',
            from_value := {{ winning(column) }}::varchar,
            to_value := {{ value }}::varchar
        )
    end
{%- endmacro %}

{# What is kept of such cells. #}
{% macro survivorship_type() -%}
    struct(column_name varchar, from_value varchar, to_value varchar)[]
{%- endmacro %}

{# Whether a column that moves by itself says nothing in any row: null, or all 0. #}
{% macro is_dead(column) -%}
    coalesce(bool_and(
        {{ column }} is null or regexp_full_match({{ column }}::varchar, '[0 |.]*')
    ), false)
{%- endmacro %}
