{{ config(materialized='view') }}

{#
    One row per incident. Where a line is one officer and kind of force, the lines of an incident are
    put side by side in an order that only their cells decide, newest columns last, the column that
    moves by itself at the very end.

    Lists that go together keep equally many places. An officer's columns hold one entry per line, so
    that entry n of each is the same officer. A subject's columns hold their one value each where all
    lines say the same of all of them, or else one entry per line, all of them. Any other column holds
    its one value, or one entry per line. A line that has several places itself has as many here.
#}
{% set of_old = [
    'force_type', 'force_effective', 'officer_race', 'officer_sex', 'officer_age', 'officer_injured',
    'force_level', 'officer_service_years',
] %}
{% set keys = ['pib_file_number', 'occurred_date'] %}
{% set columns = listed_columns('use_of_force', keys, 'officer', of_old) %}
{% set groups = columns_by_places(columns) %}
{% set officer = groups.get('officer', []) | map(attribute='name') | list %}
{% set last = ['force_level', 'officer_service_years'] %}
{% set first = officer | reject('in', last) | list %}
{% set others = columns_of('use_of_force') | reject('in', officer) | list %}
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
        {%- for places, together in groups.items() %}
        {{ most_places(together) }} as {{ places }}_places,
        {%- endfor %}
        row_number() over (
            partition by pib_file_number
            order by
                {{ (first + others + last + ['_line']) | join(', ') }}
        ) as place
    from published
),

incidents as (
    select
        pib_file_number,
        {%- for column in columns %}
        {%- set name = column['name'] %}
        {%- set places = column['list']['places'] %}
        {%- set together = groups.get(places, [column]) %}
        case
            {%- if places != 'officer' %}
            when {{ are_the_same(together) }} then min({{ name }})
            {%- endif %}
            when count({{ name }}) > 0 then string_agg(
                {{ with_places(column, places ~ '_places' if places else '1') }}, ' | ' order by place
            )
        end as {{ name }},
        {%- endfor %}
        string_agg(distinct _policies, ' ' order by _policies) as _policies,
        {{ nothing_chosen() }} as _survivorship,
        min(occurred_date) as occurred_date
    from in_order
    group by pib_file_number
)

select * from incidents
