{#- Generated from the dataset file stops.yaml by `summerware generate`. -#}
with base as (
    select * from {{ ref('base_stops') }}
),

spelled as (
    select
        *,
        stops.spelled_officer_assignment(officer_assignment) as officer_assignment__spelled,
        stops.spelled_stop_description(stop_description) as stop_description__spelled,
        stops.spelled_vehicle_make(vehicle_make) as vehicle_make__spelled,
        stops.spelled_vehicle_model(vehicle_model) as vehicle_model__spelled,
        stops.spelled_vehicle_color(vehicle_color) as vehicle_color__spelled,
        stops.spelled_subject_race(subject_race) as subject_race__spelled,
        stops.spelled_subject_sex(subject_sex) as subject_sex__spelled,
        stops.spelled_block_address(block_address) as block_address__spelled
    from base
),

staged as (
    select
        _extract_id,
        _line,
        _extracted_at,
        _grain,
        _parse_error,
        _unparsed,
        _mangled,
        stops.shifted_at(_extract_id, _line) as _shifted,
        nullif(concat_ws(
            '; ',
            {{ persons_in('stops', 'police_district_code') }},
            {{ persons_in('stops', 'officer_assignment') }},
            {{ persons_in('stops', 'stop_description') }},
            {{ persons_in('stops', 'actions_taken') }},
            {{ persons_in('stops', 'vehicle_make') }},
            {{ persons_in('stops', 'vehicle_model') }},
            {{ persons_in('stops', 'vehicle_style') }},
            {{ persons_in('stops', 'vehicle_color') }},
            {{ persons_in('stops', 'subject_race') }},
            {{ persons_in('stops', 'subject_eye_color') }},
            {{ persons_in('stops', 'subject_hair_color') }}
        ), '') as _persons,
        null::varchar as _policies,
        null::varchar as _unclassified,
        null::varchar as _uneven,
        field_interview_id || '-' || subject_id as stop_subject_id,
        field_interview_id,
        subject_id,
        item_number,
        occurred_at,
        police_district_code,
        zone_code,
        officer_assignment__spelled as officer_assignment,
        stop_description__spelled as stop_description,
        actions_taken,
        vehicle_year,
        vehicle_make__spelled as vehicle_make,
        vehicle_model__spelled as vehicle_model,
        vehicle_style,
        vehicle_color__spelled as vehicle_color,
        subject_race__spelled as subject_race,
        subject_sex__spelled as subject_sex,
        subject_age,
        subject_has_photo_id,
        subject_height_inches,
        subject_weight_pounds,
        subject_eye_color,
        subject_hair_color,
        subject_driver_license_state_code,
        created_at,
        modified_at,
        longitude,
        latitude,
        zip_code,
        block_address__spelled as block_address,
        list_filter(
            _changes || [
                {{ respelled('stops', 'officer_assignment') }},
                {{ respelled('stops', 'stop_description') }},
                {{ respelled('stops', 'vehicle_make') }},
                {{ respelled('stops', 'vehicle_model') }},
                {{ respelled('stops', 'vehicle_color') }},
                {{ respelled('stops', 'subject_race') }},
                {{ respelled('stops', 'subject_sex') }},
                {{ respelled('stops', 'block_address') }}
            ],
            lambda cell: cell is not null
        ) as _changes
    from spelled
)

select * from staged
