{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
with surviving as (
    select * from {{ ref('int_calls_for_service__surviving_rows') }}
),

published as (
    select
        surviving.item_number,
        surviving.call_type_code,
        surviving.call_type_text,
        surviving.priority_code,
        surviving.initial_call_type_code,
        surviving.initial_call_type_text,
        surviving.initial_priority_code,
        case
            when {{ under_policy('surviving._policies', 'sensitive_call_coordinates_blank') }}
                then null
            else surviving.map_x_feet
        end as map_x_feet,
        case
            when {{ under_policy('surviving._policies', 'sensitive_call_coordinates_blank') }}
                then null
            else surviving.map_y_feet
        end as map_y_feet,
        surviving.created_at,
        surviving.dispatched_at,
        surviving.arrived_at,
        surviving.closed_at,
        surviving.disposition_code,
        surviving.disposition_text,
        surviving.is_self_initiated,
        surviving.beat_code,
        surviving.block_address,
        surviving.zip_code,
        surviving.police_district_code,
        case
            when {{ under_policy('surviving._policies', 'sensitive_call_coordinates_blank') }}
                then null
            else surviving.location
        end as location
    from surviving
)

select *{{ without_taken_down(taken_down_columns('calls_for_service')) }} from published
order by item_number
