{#
    Which value a published row takes when its key has several versions, column by column as the
    dataset file says. Rows with one line pass through, and so do those whose winner gives every
    cell; `fated_lines` has found out which line gives what.

    latest    the winner's value, null or not: what the source withheld is never filled in
    earliest  the smallest
    longest   the longest text, ties in alphabetical order
    filled    the best-ranked value that is not null
    union     of sets: every part once, the winner's first
#}
{% macro surviving_rows(id, staged, fates) %}
    {%- set settings = dataset(id) %}
    {%- set key = settings['key'] %}
    {%- set names = columns_of(id) or [key] %}
    {%- set chosen = chosen_columns(id) %}
with winners as (
    select
        staged.* exclude (_policies),
        fates.policies as _policies
    from {{ staged }} as staged
    inner join (
        select _extract_id, _line, policies from {{ fates }}
        where fate = 'published' and version_rank = 1
    ) as fates using (_extract_id, _line)
),

mixed_keys as (
    select row_key from {{ fates }} where fate = 'published' and version_rank > 1 group by row_key
),

whole as (
    select
        {{ names | join(',\n        ') }},
        _policies,
        {{ nothing_chosen() }} as _survivorship
    from winners
    anti join mixed_keys on winners.{{ key }} = mixed_keys.row_key
),

givers as (
    select
        staged.*,
        fates.row_key,
        fates.version_rank,
        fates.gives,
        fates.policies
    from {{ staged }} as staged
    inner join {{ fates }} as fates using (_extract_id, _line)
    semi join mixed_keys using (row_key)
    where fates.fate = 'published'
),

mixed as (
    select
        {%- for column in settings['columns'] %}
        {{ given(column) }} as {{ column['name'] }},
        {%- endfor %}
        any_value(policies) as _policies,
        list_filter([
            {%- for column in chosen %}
            case
                when {{ given(column) }} is distinct from {{ winning(column) }} then struct_pack(
                    column_name := '{{ column['name'] }}',
                    from_value := {{ winning(column) }}::varchar,
                    to_value := {{ given(column) }}::varchar
                )
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ]::{{ survivorship_type() }}, change -> change is not null) as _survivorship
    from givers
    group by row_key
),

surviving as (
    select * from whole
    union all
    select * from mixed
)

select * from surviving
{% endmacro %}

{# The columns that do not simply take the winner's value. #}
{% macro chosen_columns(id) %}
    {{ return(dataset(id)['columns'] | rejectattr('survivorship', 'equalto', 'latest') | list) }}
{% endmacro %}

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
{% macro gives(column, cell) -%}
    {%- if column['survivorship'] == 'union' -%}
        not list_has_all(coalesce(flatten(list({{ parts_of(column, cell) }}) over (
            partition by row_key order by version_rank
            rows between unbounded preceding and 1 preceding
        )), []), {{ parts_of(column, cell) }})
    {%- else -%}
        1 = row_number() over (
            partition by row_key order by {{ preference(column['survivorship'], cell) }}
        )
    {%- endif -%}
{%- endmacro %}

{% macro winning(column) -%}
    any_value({{ column['name'] }}) filter (where version_rank = 1)
{%- endmacro %}

{% macro given(column) -%}
    {%- if column['survivorship'] == 'latest' -%}
        {{ winning(column) }}
    {%- elif column['survivorship'] == 'union' -%}
        nullif(array_to_string(list_filter(
            flatten(list({{ parts_of(column, column['name']) }} order by version_rank)),
            (part, place) -> list_position(
                flatten(list({{ parts_of(column, column['name']) }} order by version_rank)), part
            ) = place
        ), {{ sql_text(column['list']['separator']) }}), '')
    {%- else -%}
        any_value({{ column['name'] }}) filter (where list_contains(gives, '{{ column['name'] }}'))
    {%- endif -%}
{%- endmacro %}

{# What is said of a row whose cells all come from where they should. #}
{% macro nothing_chosen() -%}
    null::{{ survivorship_type() }}
{%- endmacro %}

{# What is kept of a cell that came from another version. #}
{% macro survivorship_type() -%}
    struct(column_name varchar, from_value varchar, to_value varchar)[]
{%- endmacro %}
