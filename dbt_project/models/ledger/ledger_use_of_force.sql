{#- Generated from the dataset file use_of_force.yaml by `summerware generate`. -#}
with fates as (
    select * from {{ ref('int_use_of_force__fates') }}
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
