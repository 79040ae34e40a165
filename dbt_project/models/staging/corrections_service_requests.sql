{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
{# Read off the staging model: working them out once more costs as much as the model itself. #}
with staged as (
    select * from {{ ref('stg_service_requests') }}
),

changed as (
    select
        _extract_id,
        _line,
        unnest(_changes) as cell
    from staged
),

corrections as (
    select
        changed._extract_id,
        changed._line,
        changed.cell.column_name,
        changed.cell.rule_id,
        changed.cell.from_value,
        changed.cell.to_value
    from changed
)

select * from corrections
