{#- Generated from the dataset file use_of_force.yaml by `summerware generate`. -#}
{%- set taken_down = taken_down_columns('use_of_force') -%}
with surviving as (
    select * from {{ ref('int_use_of_force__incidents') }}
),

dead as (
    select
        {{ is_dead('officer_service_years') }} as officer_service_years
    from surviving
),

survived as (
    select
        pib_file_number,
        unnest(_survivorship) as cell
    from surviving
),

decided as (
    {%- for name in taken_down %}
    select
        pib_file_number::varchar as row_key,
        '{{ name }}' as column_name,
        'takedown' as rule_id,
        {{ name }}::varchar as from_value,
        null::varchar as to_value
    from surviving
    where {{ name }} is not null
    union all
    {%- endfor %}
    select
        surviving.pib_file_number::varchar as row_key,
        'officer_service_years' as column_name,
        'dead_column_is_null' as rule_id,
        surviving.officer_service_years::varchar as from_value,
        null::varchar as to_value
    from surviving
    cross join dead
    where dead.officer_service_years and surviving.officer_service_years is not null
    union all
    select
        survived.pib_file_number::varchar as row_key,
        survived.cell.column_name,
        'survivorship' as rule_id,
        survived.cell.from_value,
        survived.cell.to_value
    from survived
)

select * from decided
where {{ still_decides('rule_id', 'column_name', taken_down) }}
order by row_key, column_name, rule_id
