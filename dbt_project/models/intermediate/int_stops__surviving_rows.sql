{{ config(materialized='view') }}

{{ surviving_rows(
    'stops', ref('stg_stops'), ref('int_stops__fates')
) }}
