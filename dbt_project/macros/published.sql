{#
    The published rows: exactly the columns that the dataset file publishes, sorted by key, with the
    policies applied that blank cells, and dead columns (volatile, and all 0 in this extract) null.
    A column that was taken down by order is null in every row.
    Where the dataset file lists `possible_duplicate_of`, a linked row names the first key of its
    cluster.
#}
{% macro published_rows(id, survivors) %}
    {%- set settings = dataset(id) %}
    {%- set names = columns_of(id, privacy='publish') %}
    {%- set volatile = columns_of(id, privacy='publish', volatile=true) %}
    {%- set taken_down = var('taken_down_columns', []) %}
with surviving as (
    select * from {{ survivors }}
),

{{ dead_columns(volatile) }}

published as (
    select
        {%- for name in names %}
        {%- set policies = redacting(settings, name) %}
        {%- if name in taken_down %}
        case when false then surviving.{{ name }} end as {{ name }}{{ ',' if not loop.last }}
        {%- elif name in volatile %}
        case
            when not dead.{{ name }} then surviving.{{ name }}
        end as {{ name }}{{ ',' if not loop.last }}
        {%- elif policies %}
        case
            {%- for policy in policies %}
            when {{ under_policy('_policies', policy) }} then null
            {%- endfor %}
            else {{ name }}
        end as {{ name }}{{ ',' if not loop.last }}
        {%- else %}
        surviving.{{ name }}{{ ',' if not loop.last }}
        {%- endif %}
        {%- endfor %}
    from surviving
    {%- if volatile %}
    cross join dead
    {%- endif %}
)

{% if settings.get('links') -%}
select
    published.*,
    {{ 'null::varchar as ' if 'possible_duplicate_of' in taken_down else 'possible_duplicates.' -}}
        possible_duplicate_of
from published
left join {{ source('linked', 'possible_duplicates') }} as possible_duplicates
    on published.{{ settings['key'] }} = possible_duplicates.row_key
{%- else -%}
select * from published
{%- endif %}
order by {{ settings['key'] }}
{% endmacro %}

{#
    One row per cell that a decision changed after standardizing: a policy that blanks, survivorship
    that took another version's value, a dead column, a column taken down. Keyed by the published
    row.
#}
{% macro decided_cells(id, survivors) %}
    {%- set settings = dataset(id) %}
    {%- set key = settings['key'] %}
    {%- set volatile = columns_of(id, privacy='publish', volatile=true) %}
    {%- set taken_down = var('taken_down_columns', []) %}
with surviving as (
    select * from {{ survivors }}
),

{{ dead_columns(volatile) }}

decided as (
    {%- for name in columns_of(id, privacy='publish') if name in taken_down %}
    select
        {{ key }}::varchar as row_key,
        '{{ name }}' as column_name,
        'takedown' as rule_id,
        {{ name }}::varchar as from_value,
        null::varchar as to_value
    from surviving
    where {{ name }} is not null
    union all
    {%- endfor %}
    {%- for policy in settings['policies'] if policy['action'] == 'redact' %}
    {%- for name in policy['redacts'] if name not in taken_down %}
    select
        {{ key }}::varchar as row_key,
        '{{ name }}' as column_name,
        '{{ policy['id'] }}' as rule_id,
        {{ name }}::varchar as from_value,
        null::varchar as to_value
    from surviving
    where {{ name }} is not null and {{ under_policy('_policies', policy['id']) }}
    union all
    {%- endfor %}
    {%- endfor %}
    {%- for name in volatile if name not in taken_down %}
    select
        surviving.{{ key }}::varchar as row_key,
        '{{ name }}' as column_name,
        'dead_column_is_null' as rule_id,
        surviving.{{ name }}::varchar as from_value,
        null::varchar as to_value
    from surviving
    cross join dead
    where dead.{{ name }} and surviving.{{ name }} is not null
    union all
    {%- endfor %}
    select
        {{ key }}::varchar as row_key,
        change.column_name,
        'survivorship' as rule_id,
        change.from_value,
        change.to_value
    from (select {{ key }}, unnest(_survivorship) as change from surviving)
)

select * from decided
order by row_key, column_name, rule_id
{% endmacro %}

{% macro dead_columns(volatile) %}
{%- if volatile -%}
dead as (
    select
        {%- for name in volatile %}
        coalesce(bool_and(
            {{ name }} is null or regexp_full_match({{ name }}::varchar, '[0 |.]*')
        ), false) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from surviving
),
{%- endif -%}
{% endmacro %}

{% macro redacting(settings, name) %}
    {% set found = [] %}
    {% for policy in settings['policies'] if policy['action'] == 'redact' and name in policy['redacts'] %}
        {% do found.append(policy['id']) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{# One row per raw line, by key: its fate, why, and the line that absorbed it. #}
{% macro ledger(fates) %}
with fates as (
    select * from {{ fates }}
)

select
    _extract_id,
    _line,
    row_key,
    fate,
    reason,
    survivor_extract_id,
    survivor_line
from fates
order by row_key, _extract_id, _line
{% endmacro %}

{#
    Keys that stand twice in a mart, or are missing: what its key test finds. One scan says both;
    tests named in YAML cannot run from a manifest that was read back from its file.
#}
{% macro repeated_or_missing_keys(id) %}
    {%- set key = dataset(id)['key'] %}
select
    {{ key }} as row_key,
    count(*) as published_rows
from {{ ref(id) }}
group by row_key
having row_key is null or count(*) > 1
{% endmacro %}
