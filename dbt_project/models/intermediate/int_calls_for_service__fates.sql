{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
{# What the fates are, and how they are decided: macros/fates.sql. #}
{{ fated_lines(
    staged=ref('stg_calls_for_service'),
    quarantined=source('gate', 'quarantine_calls_for_service'),
    taken_down=source('takedown', 'keys_calls_for_service'),
    key='item_number',
    grain='call',
    withheld_by=[
        'juvenile_calls_withheld',
        'test_calls_withheld',
    ],
    chosen=[
        {'name': 'created_at', 'survivorship': 'earliest', 'list': None},
    ],
    columns=[
        'item_number',
        'call_type_code',
        'call_type_text',
        'priority_code',
        'initial_call_type_code',
        'initial_call_type_text',
        'initial_priority_code',
        'map_x_feet',
        'map_y_feet',
        'created_at',
        'dispatched_at',
        'arrived_at',
        'closed_at',
        'disposition_code',
        'disposition_text',
        'is_self_initiated',
        'beat_code',
        'block_address',
        'zip_code',
        'police_district_code',
        'location',
    ],
) }}
