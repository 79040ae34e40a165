{#- Generated from the dataset file stops.yaml by `summerware generate`. -#}
with surviving as (
    select * from {{ ref('int_stops__surviving_rows') }}
),

published as (
    select
        surviving.stop_subject_id,
        surviving.field_interview_id,
        surviving.subject_id,
        surviving.item_number,
        surviving.occurred_at,
        surviving.police_district_code,
        surviving.zone_code,
        surviving.officer_assignment,
        surviving.stop_description,
        surviving.actions_taken,
        surviving.vehicle_year,
        surviving.vehicle_make,
        surviving.vehicle_model,
        surviving.vehicle_style,
        surviving.vehicle_color,
        surviving.subject_race,
        surviving.subject_sex,
        surviving.subject_age,
        surviving.subject_has_photo_id,
        surviving.subject_height_inches,
        surviving.subject_weight_pounds,
        surviving.subject_eye_color,
        surviving.subject_hair_color,
        surviving.subject_driver_license_state_code,
        surviving.created_at,
        surviving.modified_at,
        surviving.longitude,
        surviving.latitude,
        surviving.zip_code,
        surviving.block_address
    from surviving
)

select *{{ without_taken_down(taken_down_columns('stops')) }} from published
order by stop_subject_id
