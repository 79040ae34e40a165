{{ fated_lines(
    'calls_for_service', ref('stg_calls_for_service'), source('gate', 'quarantine_calls_for_service')
) }}
