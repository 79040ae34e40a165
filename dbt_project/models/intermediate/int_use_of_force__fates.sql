{{ fated_lines(
    'use_of_force', ref('stg_use_of_force'), source('gate', 'quarantine_use_of_force')
) }}
