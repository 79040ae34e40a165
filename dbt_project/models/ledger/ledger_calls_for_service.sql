{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
with fates as (
    select * from {{ ref('int_calls_for_service__fates') }}
),

ledger as (
    select
        _extract_id,
        _line,
        row_key,
        fate,
        reason,
        survivor_extract_id,
        survivor_line
    from fates
)

select * from ledger
order by row_key, _extract_id, _line
