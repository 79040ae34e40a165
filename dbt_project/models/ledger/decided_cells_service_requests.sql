{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
{%- set taken_down = taken_down_columns('service_requests') -%}
with surviving as (
    select * from {{ ref('int_service_requests__surviving_rows') }}
),

survived as (
    select
        ticket_id,
        unnest(_survivorship) as cell
    from surviving
),

decided as (
    {%- for name in taken_down %}
    select
        ticket_id::varchar as row_key,
        '{{ name }}' as column_name,
        'takedown' as rule_id,
        {{ name }}::varchar as from_value,
        null::varchar as to_value
    from surviving
    where {{ name }} is not null
    union all
    {%- endfor %}
    select
        survived.ticket_id::varchar as row_key,
        survived.cell.column_name,
        'survivorship' as rule_id,
        survived.cell.from_value,
        survived.cell.to_value
    from survived
)

select * from decided
where {{ still_decides('rule_id', 'column_name', taken_down) }}
order by row_key, column_name, rule_id
