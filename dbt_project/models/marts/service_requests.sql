{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
with surviving as (
    select * from {{ ref('int_service_requests__surviving_rows') }}
),

published as (
    select
        surviving.ticket_id,
        surviving.issue_type,
        surviving.block_address,
        surviving.neighborhood,
        surviving.council_district_code,
        surviving.city,
        surviving.state_code,
        surviving.zip_code,
        surviving.created_at,
        surviving.closed_at,
        surviving.ticket_status,
        surviving.latitude,
        surviving.longitude
    from surviving
)

select *{{ without_taken_down(taken_down_columns('service_requests')) }} from published
order by ticket_id
