{#- Generated from the dataset file stops.yaml by `summerware generate`. -#}
{%- set texts = [
    'field_interview_id', 'subject_id', 'item_number', 'police_district_code', 'zone_code',
    'officer_assignment', 'stop_description', 'actions_taken', 'vehicle_year', 'vehicle_make',
    'vehicle_model', 'vehicle_style', 'vehicle_color', 'subject_race', 'subject_sex',
    'subject_eye_color', 'subject_hair_color', 'subject_driver_license_state_code', 'zip_code',
    'block_address'
] -%}
{%- set formats_1 = [
    ('%Y-%m-%dT%H:%M:%S', '[1-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?T[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?'),
    ('%Y-%m-%dT%H:%M:%S.%g', '[1-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?T[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?[.][0-9]{1,3}'),
    ('%m/%d/%Y %I:%M:%S %p', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]? +[AaPp][Mm]'),
    ('%m/%d/%Y %H:%M:%S', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?'),
    ('%m/%d/%Y %H:%M', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?'),
] -%}
{%- set lists = {
    'actions_taken': {'separator': ';', 'set': True},
} -%}
{%- set steps = all_steps(
    [
        'field_interview_id', 'subject_id', 'item_number', 'occurred_at',
        'police_district_code', 'zone_code', 'officer_assignment', 'stop_description',
        'actions_taken', 'vehicle_year', 'vehicle_make', 'vehicle_model', 'vehicle_style',
        'vehicle_color', 'subject_race', 'subject_sex', 'subject_age', 'subject_has_photo_id',
        'subject_height_inches', 'subject_weight_pounds', 'subject_eye_color',
        'subject_hair_color', 'subject_driver_license_state_code', 'created_at', 'modified_at',
        'longitude', 'latitude', 'zip_code', 'block_address'
    ],
    texts,
    own=steps_of('stops', texts=texts, deciding=[]),
    place='block_address',
) -%}
{%- set address = address_of(steps) -%}
with source as (
    select * from {{ source('raw', 'stops') }}
),

{#- Here and not where they are used: within a case DuckDB would trim a cell once per use. #}

trimmed as (
    select
        *,
        {{ trimmed('field_interview_id') }} as field_interview_id__cell,
        {{ trimmed('subject_id') }} as subject_id__cell,
        {{ trimmed('item_number') }} as item_number__cell,
        {{ trimmed('police_district_code') }} as police_district_code__cell,
        {{ trimmed('zone_code') }} as zone_code__cell,
        {{ trimmed('officer_assignment') }} as officer_assignment__cell,
        {{ trimmed('stop_description') }} as stop_description__cell,
        {{ trimmed_list('actions_taken', lists) }} as actions_taken__cell,
        {{ trimmed('vehicle_year') }} as vehicle_year__cell,
        {{ trimmed('vehicle_make') }} as vehicle_make__cell,
        {{ trimmed('vehicle_model') }} as vehicle_model__cell,
        {{ trimmed('vehicle_style') }} as vehicle_style__cell,
        {{ trimmed('vehicle_color') }} as vehicle_color__cell,
        {{ trimmed('subject_race') }} as subject_race__cell,
        {{ trimmed('subject_sex') }} as subject_sex__cell,
        {{ trimmed('subject_eye_color') }} as subject_eye_color__cell,
        {{ trimmed('subject_hair_color') }} as subject_hair_color__cell,
        {{ trimmed('subject_driver_license_state_code') }}
            as subject_driver_license_state_code__cell,
        {{ trimmed('zip_code') }} as zip_code__cell,
        {{ trimmed('block_address') }} as block_address__cell
    from source
),

as_read as (
    select
        _extract_id,
        _line,
        _extracted_at,
        _grain,
        _parse_error,
        {{ before_spreadsheet('field_interview_id__cell') }} as field_interview_id__read,
        {{ before_spreadsheet('subject_id__cell') }} as subject_id__read,
        {{ before_spreadsheet('item_number__cell') }} as item_number__read,
        {{ read_time('occurred_at', formats_1) }} as occurred_at__read,
        {{ before_spreadsheet('police_district_code__cell') }} as police_district_code__read,
        {{ before_spreadsheet('zone_code__cell') }} as zone_code__read,
        {{ before_spreadsheet('officer_assignment__cell') }} as officer_assignment__read,
        {{ before_spreadsheet('stop_description__cell') }} as stop_description__read,
        {{ before_spreadsheet('actions_taken__cell') }} as actions_taken__read,
        {{ before_spreadsheet('vehicle_year__cell') }} as vehicle_year__read,
        {{ before_spreadsheet('vehicle_make__cell') }} as vehicle_make__read,
        {{ before_spreadsheet('vehicle_model__cell') }} as vehicle_model__read,
        {{ before_spreadsheet('vehicle_style__cell') }} as vehicle_style__read,
        {{ before_spreadsheet('vehicle_color__cell') }} as vehicle_color__read,
        {{ before_spreadsheet('subject_race__cell') }} as subject_race__read,
        {{ before_spreadsheet('subject_sex__cell') }} as subject_sex__read,
        {{ read_number('subject_age') }} as subject_age__read,
        {{ read_boolean('subject_has_photo_id') }} as subject_has_photo_id__read,
        {{ read_number('subject_height_inches') }} as subject_height_inches__read,
        {{ read_number('subject_weight_pounds') }} as subject_weight_pounds__read,
        {{ before_spreadsheet('subject_eye_color__cell') }} as subject_eye_color__read,
        {{ before_spreadsheet('subject_hair_color__cell') }} as subject_hair_color__read,
        {{ before_spreadsheet('subject_driver_license_state_code__cell') }}
            as subject_driver_license_state_code__read,
        {{ read_time('created_at', formats_1) }} as created_at__read,
        {{ read_time('modified_at', formats_1) }} as modified_at__read,
        {{ read_number('longitude') }} as longitude__read,
        {{ read_number('latitude') }} as latitude__read,
        {{ before_spreadsheet('zip_code__cell') }} as zip_code__read,
        {{ before_spreadsheet('block_address__cell') }} as block_address__read,
        {{ unparsed([
            'occurred_at', 'subject_age', 'subject_has_photo_id', 'subject_height_inches',
            'subject_weight_pounds', 'created_at', 'modified_at', 'longitude', 'latitude'
        ]) }} as _unparsed,
        field_interview_id__cell,
        subject_id__cell,
        item_number__cell,
        police_district_code__cell,
        zone_code__cell,
        officer_assignment__cell,
        stop_description__cell,
        actions_taken__cell,
        vehicle_year__cell,
        vehicle_make__cell,
        vehicle_model__cell,
        vehicle_style__cell,
        vehicle_color__cell,
        subject_race__cell,
        subject_sex__cell,
        subject_eye_color__cell,
        subject_hair_color__cell,
        subject_driver_license_state_code__cell,
        zip_code__cell,
        block_address__cell
    from trimmed
),

standardized as (
    select
        *,
        {{ stepped('field_interview_id', steps, lists) }} as field_interview_id,
        {{ stepped('subject_id', steps, lists) }} as subject_id,
        {{ stepped('item_number', steps, lists) }} as item_number,
        {{ stepped('occurred_at', steps, lists) }} as occurred_at,
        {{ stepped('police_district_code', steps, lists) }} as police_district_code,
        {{ stepped('zone_code', steps, lists) }} as zone_code,
        {{ stepped('officer_assignment', steps, lists) }} as officer_assignment,
        {{ stepped('stop_description', steps, lists) }} as stop_description,
        {{ stepped('actions_taken', steps, lists) }} as actions_taken,
        {{ stepped('vehicle_year', steps, lists) }} as vehicle_year,
        {{ stepped('vehicle_make', steps, lists) }} as vehicle_make,
        {{ stepped('vehicle_model', steps, lists) }} as vehicle_model,
        {{ stepped('vehicle_style', steps, lists) }} as vehicle_style,
        {{ stepped('vehicle_color', steps, lists) }} as vehicle_color,
        {{ stepped('subject_race', steps, lists) }} as subject_race,
        {{ stepped('subject_sex', steps, lists) }} as subject_sex,
        {{ stepped('subject_age', steps, lists) }} as subject_age,
        {{ stepped('subject_has_photo_id', steps, lists) }} as subject_has_photo_id,
        {{ stepped('subject_height_inches', steps, lists) }} as subject_height_inches,
        {{ stepped('subject_weight_pounds', steps, lists) }} as subject_weight_pounds,
        {{ stepped('subject_eye_color', steps, lists) }} as subject_eye_color,
        {{ stepped('subject_hair_color', steps, lists) }} as subject_hair_color,
        {{ stepped('subject_driver_license_state_code', steps, lists) }}
            as subject_driver_license_state_code,
        {{ stepped('created_at', steps, lists) }} as created_at,
        {{ stepped('modified_at', steps, lists) }} as modified_at,
        {{ stepped('longitude', steps, lists) }} as longitude,
        {{ stepped('latitude', steps, lists) }} as latitude,
        {{ stepped('zip_code', steps, lists) }} as zip_code,
        {{ stepped('block_address', steps, lists) }} as block_address
    from as_read
),

{{ addressed('standardized', address) }}

explained as (
    select
        *
        exclude (
            field_interview_id__cell,
            subject_id__cell,
            item_number__cell,
            police_district_code__cell,
            zone_code__cell,
            officer_assignment__cell,
            stop_description__cell,
            actions_taken__cell,
            vehicle_year__cell,
            vehicle_make__cell,
            vehicle_model__cell,
            vehicle_style__cell,
            vehicle_color__cell,
            subject_race__cell,
            subject_sex__cell,
            subject_eye_color__cell,
            subject_hair_color__cell,
            subject_driver_license_state_code__cell,
            zip_code__cell,
            block_address__cell
        ),
        {{ mangled([
            'field_interview_id', 'subject_id', 'item_number', 'police_district_code',
            'zone_code', 'officer_assignment', 'stop_description', 'actions_taken',
            'vehicle_year', 'vehicle_make', 'vehicle_model', 'vehicle_style', 'vehicle_color',
            'subject_race', 'subject_sex', 'subject_eye_color', 'subject_hair_color',
            'subject_driver_license_state_code', 'zip_code', 'block_address'
        ]) }} as _mangled,
        {{ undone_spreadsheet(texts) }}
        || {{ changes(steps, lists, address) }} as _changes
    from addressed
)

select * from explained
