{#
    Which value a published row takes when its key has several versions, column by column as the
    dataset file says. Keys with one line pass through; only the others are compared.

    latest    the winner's value, null or not: what the source withheld is never filled in
    earliest  the smallest
    longest   the longest text, ties in alphabetical order
    filled    the best-ranked value that is not null
#}
{% macro surviving_rows(id, staged, fates) %}
    {%- set settings = dataset(id) %}
    {%- set key = settings['key'] %}
    {%- set names = columns_of(id) or [key] %}
with published as (
    select staged.*
    from {{ staged }} as staged
    semi join (
        select _extract_id, _line from {{ fates }} where fate = 'published'
    ) using (_extract_id, _line)
),

contested_keys as (
    select row_key from {{ fates }} where is_other_version and fate = 'superseded' group by row_key
),

single as (
    select
        {{ names | join(', ') }}, null::varchar[] as _survivorship
    from published
    anti join contested_keys on published.{{ key }} = contested_keys.row_key
),

versions as (
    select
        staged.*,
        fates.fate = 'published' as is_winner,
        row_number() over (
            partition by fates.row_key order by fates.fate, staged._line, staged._extract_id
        ) as version_number
    from {{ staged }} as staged
    join {{ fates }} as fates using (_extract_id, _line)
    semi join contested_keys using (row_key)
    where fates.fate = 'published' or fates.is_other_version
),

contested as (
    select
        {%- for name in names %}
        {{ survivor(settings['columns'][loop.index0]) }} as {{ name }},
        {%- endfor %}
        list_filter([
            {%- for column in settings['columns'] if column['survivorship'] != 'latest' %}
            case
                when {{ survivor(column) }} is distinct from {{ winner(column) }}
                then '{{ column['name'] }}'
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ], name -> name is not null) as _survivorship
    from versions
    group by {{ key }}
),

surviving as (
    select * from single
    union all
    select * from contested
)

select * from surviving
{% endmacro %}

{% macro winner(column) -%}
    any_value({{ column['name'] }}) filter (where is_winner)
{%- endmacro %}

{% macro survivor(column) -%}
    {%- set name = column['name'] -%}
    {%- if column['survivorship'] == 'earliest' -%}
        min({{ name }})
    {%- elif column['survivorship'] == 'longest' -%}
        arg_max({{ name }}, struct_pack(a := length({{ name }}), b := {{ name }}))
    {%- elif column['survivorship'] == 'filled' -%}
        coalesce({{ winner(column) }}, min({{ name }}))
    {%- else -%}
        {{ winner(column) }}
    {%- endif -%}
{%- endmacro %}
