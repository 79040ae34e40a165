{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
{%- set taken_down = taken_down_columns('calls_for_service') -%}
with surviving as (
    select * from {{ ref('int_calls_for_service__surviving_rows') }}
),

survived as (
    select
        item_number,
        unnest(_survivorship) as cell
    from surviving
),

decided as (
    {%- for name in taken_down %}
    select
        item_number::varchar as row_key,
        '{{ name }}' as column_name,
        'takedown' as rule_id,
        {{ name }}::varchar as from_value,
        null::varchar as to_value
    from surviving
    where {{ name }} is not null
    union all
    {%- endfor %}
    select
        item_number::varchar as row_key,
        'location' as column_name,
        'sensitive_call_coordinates_blank' as rule_id,
        location::varchar as from_value,
        null::varchar as to_value
    from surviving
    where
        location is not null
        and {{ under_policy('_policies', 'sensitive_call_coordinates_blank') }}
    union all
    select
        item_number::varchar as row_key,
        'map_x_feet' as column_name,
        'sensitive_call_coordinates_blank' as rule_id,
        map_x_feet::varchar as from_value,
        null::varchar as to_value
    from surviving
    where
        map_x_feet is not null
        and {{ under_policy('_policies', 'sensitive_call_coordinates_blank') }}
    union all
    select
        item_number::varchar as row_key,
        'map_y_feet' as column_name,
        'sensitive_call_coordinates_blank' as rule_id,
        map_y_feet::varchar as from_value,
        null::varchar as to_value
    from surviving
    where
        map_y_feet is not null
        and {{ under_policy('_policies', 'sensitive_call_coordinates_blank') }}
    union all
    select
        survived.item_number::varchar as row_key,
        survived.cell.column_name,
        'survivorship' as rule_id,
        survived.cell.from_value,
        survived.cell.to_value
    from survived
)

select * from decided
where {{ still_decides('rule_id', 'column_name', taken_down) }}
order by row_key, column_name, rule_id
