{#- Generated from the dataset file stops.yaml by `summerware generate`. -#}
{{ config(materialized='view') }}

{#
    Rows with one line pass through, and so do those whose winner gives every cell; which value the
    others take, macros/survivorship.sql says.
#}
with staged as (
    select * from {{ ref('stg_stops') }}
),

fates as (
    select * from {{ ref('int_stops__fates') }}
    where fate = 'published'
),

mixed_keys as (
    select row_key from fates
    where version_rank > 1
    group by row_key
),

winners as (
    select
        staged.* exclude (_policies),
        fates.policies as _policies
    from staged
    inner join fates using (_extract_id, _line)
    where fates.version_rank = 1
),

whole as (
    select
        winners.stop_subject_id,
        winners.field_interview_id,
        winners.subject_id,
        winners.item_number,
        winners.occurred_at,
        winners.police_district_code,
        winners.zone_code,
        winners.officer_assignment,
        winners.stop_description,
        winners.actions_taken,
        winners.vehicle_year,
        winners.vehicle_make,
        winners.vehicle_model,
        winners.vehicle_style,
        winners.vehicle_color,
        winners.subject_race,
        winners.subject_sex,
        winners.subject_age,
        winners.subject_has_photo_id,
        winners.subject_height_inches,
        winners.subject_weight_pounds,
        winners.subject_eye_color,
        winners.subject_hair_color,
        winners.subject_driver_license_state_code,
        winners.created_at,
        winners.modified_at,
        winners.longitude,
        winners.latitude,
        winners.zip_code,
        winners.block_address,
        winners._policies,
        null::{{ survivorship_type() }} as _survivorship
    from winners
    anti join mixed_keys on winners.stop_subject_id = mixed_keys.row_key
),

givers as (
    select
        staged.*,
        fates.row_key,
        fates.version_rank,
        fates.gives,
        fates.policies
    from staged
    inner join fates using (_extract_id, _line)
    semi join mixed_keys using (row_key)
),

mixed as (
    select
        {{ winning('stop_subject_id') }} as stop_subject_id,
        {{ winning('field_interview_id') }} as field_interview_id,
        {{ winning('subject_id') }} as subject_id,
        {{ winning('item_number') }} as item_number,
        {{ winning('occurred_at') }} as occurred_at,
        {{ winning('police_district_code') }} as police_district_code,
        {{ winning('zone_code') }} as zone_code,
        {{ winning('officer_assignment') }} as officer_assignment,
        {{ winning('stop_description') }} as stop_description,
        {{ winning('actions_taken') }} as actions_taken,
        {{ winning('vehicle_year') }} as vehicle_year,
        {{ winning('vehicle_make') }} as vehicle_make,
        {{ winning('vehicle_model') }} as vehicle_model,
        {{ winning('vehicle_style') }} as vehicle_style,
        {{ winning('vehicle_color') }} as vehicle_color,
        {{ winning('subject_race') }} as subject_race,
        {{ winning('subject_sex') }} as subject_sex,
        {{ winning('subject_age') }} as subject_age,
        {{ winning('subject_has_photo_id') }} as subject_has_photo_id,
        {{ winning('subject_height_inches') }} as subject_height_inches,
        {{ winning('subject_weight_pounds') }} as subject_weight_pounds,
        {{ winning('subject_eye_color') }} as subject_eye_color,
        {{ winning('subject_hair_color') }} as subject_hair_color,
        {{ winning('subject_driver_license_state_code') }} as subject_driver_license_state_code,
        {{ winning('created_at') }} as created_at,
        {{ winning('modified_at') }} as modified_at,
        {{ winning('longitude') }} as longitude,
        {{ winning('latitude') }} as latitude,
        {{ winning('zip_code') }} as zip_code,
        {{ winning('block_address') }} as block_address,
        any_value(policies) as _policies,
        null::{{ survivorship_type() }} as _survivorship
    from givers
    group by row_key
),

surviving as (
    select * from whole
    union all
    select * from mixed
)

select * from surviving
