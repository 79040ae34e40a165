{{ fated_lines(
    'service_requests', ref('stg_service_requests'), source('gate', 'quarantine_service_requests')
) }}
