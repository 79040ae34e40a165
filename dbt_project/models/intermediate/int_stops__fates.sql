{{ fated_lines(
    'stops', ref('stg_stops'), source('gate', 'quarantine_stops')
) }}
