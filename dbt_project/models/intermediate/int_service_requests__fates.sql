{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
{# What the fates are, and how they are decided: macros/fates.sql. #}
{{ fated_lines(
    staged=ref('stg_service_requests'),
    quarantined=source('gate', 'quarantine_service_requests'),
    taken_down=source('takedown', 'keys_service_requests'),
    key='ticket_id',
    grain='ticket',
    version_order=['closed_at'],
    columns=[
        'ticket_id',
        'issue_type',
        'issue_description',
        'block_address',
        'neighborhood',
        'council_district_code',
        'city',
        'state_code',
        'zip_code',
        'created_at',
        'closed_at',
        'ticket_status',
        'latitude',
        'longitude',
        'location',
    ],
) }}
