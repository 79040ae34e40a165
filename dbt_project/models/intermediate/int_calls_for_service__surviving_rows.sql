{{ config(materialized='view') }}

{{ surviving_rows(
    'calls_for_service', ref('stg_calls_for_service'), ref('int_calls_for_service__fates')
) }}
