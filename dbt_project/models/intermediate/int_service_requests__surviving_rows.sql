{{ config(materialized='view') }}

{{ surviving_rows(
    'service_requests', ref('stg_service_requests'), ref('int_service_requests__fates')
) }}
