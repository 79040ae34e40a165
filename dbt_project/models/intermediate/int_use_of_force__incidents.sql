{{ config(materialized='view') }}

{#
    One row per incident. Where a line is one officer and kind of force, the lines of an incident are
    put side by side in an order that only their cells decide, newest columns last, the column that
    moves by itself at the very end. An officer's columns hold one entry per line, so that entry n
    of each is the same officer; any other column holds its one value, or as many entries.
#}
{% set officer = [
    'force_type', 'force_effective', 'officer_race', 'officer_sex', 'officer_age', 'officer_injured',
    'force_level', 'officer_service_years',
] %}
{% set names = columns_of('use_of_force') %}
{% set last = ['force_level', 'officer_service_years'] %}
with staged as (
    select * from {{ ref('stg_use_of_force') }}
),

fates as (
    select * from {{ ref('int_use_of_force__fates') }}
),

published as (
    select staged.*
    from staged
    semi join fates
        on
            staged._extract_id = fates._extract_id
            and staged._line = fates._line
            and fates.fate = 'published'
),

in_order as (
    select
        *,
        row_number() over (
            partition by pib_file_number
            order by
                {{ officer[:6] | join(', ') }},
                {%- for name in names if name not in officer %}
                {{ name }},
                {%- endfor %}
                {{ last | join(', ') }},
                _line
        ) as place
    from published
),

incidents as (
    select
        pib_file_number,
        {%- for name in names if name not in ('pib_file_number', 'occurred_date') %}
        case
            {%- if name not in officer %}
            when min(coalesce({{ name }}, '')) = max(coalesce({{ name }}, '')) then min({{ name }})
            {%- else %}
            when count({{ name }}) = 0 then null
            {%- endif %}
            else string_agg(coalesce({{ name }}, ''), ' | ' order by place)
        end as {{ name }},
        {%- endfor %}
        string_agg(distinct _policies, ' ' order by _policies) as _policies,
        {{ nothing_chosen() }} as _survivorship,
        min(occurred_date) as occurred_date
    from in_order
    group by pib_file_number
)

select * from incidents
