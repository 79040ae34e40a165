{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
{%- set texts = [
    'item_number', 'call_type_code', 'call_type_text', 'priority_code',
    'initial_call_type_code', 'initial_call_type_text', 'initial_priority_code',
    'disposition_code', 'disposition_text', 'beat_code', 'block_address', 'zip_code',
    'police_district_code'
] -%}
{%- set formats_1 = [
    ('%m/%d/%Y %H:%M', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?'),
    ('%m/%d/%Y %H:%M:%S', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?'),
    ('%m/%d/%Y %I:%M:%S %p', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]? +[AaPp][Mm]'),
    ('%Y-%m-%dT%H:%M:%S.%g', '[1-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?T[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?[.][0-9]{1,3}'),
    ('%Y-%m-%dT%H:%M:%S', '[1-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?T[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?'),
] -%}
{%- set lists = {
} -%}
{%- set steps = all_steps(
    [
        'item_number', 'call_type_code', 'call_type_text', 'priority_code',
        'initial_call_type_code', 'initial_call_type_text', 'initial_priority_code',
        'map_x_feet', 'map_y_feet', 'created_at', 'dispatched_at', 'arrived_at', 'closed_at',
        'disposition_code', 'disposition_text', 'is_self_initiated', 'beat_code',
        'block_address', 'zip_code', 'police_district_code', 'location'
    ],
    texts,
    own=steps_of('calls_for_service', texts=texts, deciding=[
        'call_type_code', 'call_type_text', 'initial_call_type_code', 'initial_call_type_text'
    ]),
    place='block_address',
) -%}
{%- set address = address_of(steps) -%}
with source as (
    select * from {{ source('raw', 'calls_for_service') }}
),

{#- Here and not where they are used: within a case DuckDB would trim a cell once per use. #}

trimmed as (
    select
        *,
        {{ trimmed('item_number') }} as item_number__cell,
        {{ trimmed('call_type_code') }} as call_type_code__cell,
        {{ trimmed('call_type_text') }} as call_type_text__cell,
        {{ trimmed('priority_code') }} as priority_code__cell,
        {{ trimmed('initial_call_type_code') }} as initial_call_type_code__cell,
        {{ trimmed('initial_call_type_text') }} as initial_call_type_text__cell,
        {{ trimmed('initial_priority_code') }} as initial_priority_code__cell,
        {{ trimmed('disposition_code') }} as disposition_code__cell,
        {{ trimmed('disposition_text') }} as disposition_text__cell,
        {{ trimmed('beat_code') }} as beat_code__cell,
        {{ trimmed('block_address') }} as block_address__cell,
        {{ trimmed('zip_code') }} as zip_code__cell,
        {{ trimmed('police_district_code') }} as police_district_code__cell
    from source
),

as_read as (
    select
        _extract_id,
        _line,
        _extracted_at,
        _grain,
        _parse_error,
        {{ before_spreadsheet('item_number__cell') }} as item_number__read,
        {{ before_spreadsheet('call_type_code__cell') }} as call_type_code__read,
        {{ before_spreadsheet('call_type_text__cell') }} as call_type_text__read,
        {{ before_spreadsheet('priority_code__cell') }} as priority_code__read,
        {{ before_spreadsheet('initial_call_type_code__cell') }} as initial_call_type_code__read,
        {{ before_spreadsheet('initial_call_type_text__cell') }} as initial_call_type_text__read,
        {{ before_spreadsheet('initial_priority_code__cell') }} as initial_priority_code__read,
        {{ read_number('map_x_feet') }} as map_x_feet__read,
        {{ read_number('map_y_feet') }} as map_y_feet__read,
        {{ read_time('created_at', formats_1) }} as created_at__read,
        {{ read_time('dispatched_at', formats_1) }} as dispatched_at__read,
        {{ read_time('arrived_at', formats_1) }} as arrived_at__read,
        {{ read_time('closed_at', formats_1) }} as closed_at__read,
        {{ before_spreadsheet('disposition_code__cell') }} as disposition_code__read,
        {{ before_spreadsheet('disposition_text__cell') }} as disposition_text__read,
        {{ read_boolean('is_self_initiated') }} as is_self_initiated__read,
        {{ before_spreadsheet('beat_code__cell') }} as beat_code__read,
        {{ before_spreadsheet('block_address__cell') }} as block_address__read,
        {{ before_spreadsheet('zip_code__cell') }} as zip_code__read,
        {{ before_spreadsheet('police_district_code__cell') }} as police_district_code__read,
        {{ trimmed('location') }} as location__read,
        {{ unparsed([
            'map_x_feet', 'map_y_feet', 'created_at', 'dispatched_at', 'arrived_at',
            'closed_at', 'is_self_initiated'
        ]) }} as _unparsed,
        item_number__cell,
        call_type_code__cell,
        call_type_text__cell,
        priority_code__cell,
        initial_call_type_code__cell,
        initial_call_type_text__cell,
        initial_priority_code__cell,
        disposition_code__cell,
        disposition_text__cell,
        beat_code__cell,
        block_address__cell,
        zip_code__cell,
        police_district_code__cell
    from trimmed
),

standardized as (
    select
        *,
        {{ stepped('item_number', steps, lists) }} as item_number,
        {{ stepped('call_type_code', steps, lists) }} as call_type_code,
        {{ stepped('call_type_text', steps, lists) }} as call_type_text,
        {{ stepped('priority_code', steps, lists) }} as priority_code,
        {{ stepped('initial_call_type_code', steps, lists) }} as initial_call_type_code,
        {{ stepped('initial_call_type_text', steps, lists) }} as initial_call_type_text,
        {{ stepped('initial_priority_code', steps, lists) }} as initial_priority_code,
        {{ stepped('map_x_feet', steps, lists) }} as map_x_feet,
        {{ stepped('map_y_feet', steps, lists) }} as map_y_feet,
        {{ stepped('created_at', steps, lists) }} as created_at,
        {{ stepped('dispatched_at', steps, lists) }} as dispatched_at,
        {{ stepped('arrived_at', steps, lists) }} as arrived_at,
        {{ stepped('closed_at', steps, lists) }} as closed_at,
        {{ stepped('disposition_code', steps, lists) }} as disposition_code,
        {{ stepped('disposition_text', steps, lists) }} as disposition_text,
        {{ stepped('is_self_initiated', steps, lists) }} as is_self_initiated,
        {{ stepped('beat_code', steps, lists) }} as beat_code,
        {{ stepped('block_address', steps, lists) }} as block_address,
        {{ stepped('zip_code', steps, lists) }} as zip_code,
        {{ stepped('police_district_code', steps, lists) }} as police_district_code,
        {{ stepped('location', steps, lists) }} as location
    from as_read
),

{{ addressed('standardized', address) }}

explained as (
    select
        *
        exclude (
            item_number__cell,
            call_type_code__cell,
            call_type_text__cell,
            priority_code__cell,
            initial_call_type_code__cell,
            initial_call_type_text__cell,
            initial_priority_code__cell,
            disposition_code__cell,
            disposition_text__cell,
            beat_code__cell,
            block_address__cell,
            zip_code__cell,
            police_district_code__cell
        ),
        {{ mangled([
            'item_number', 'call_type_code', 'call_type_text', 'priority_code',
            'initial_call_type_code', 'initial_call_type_text', 'initial_priority_code',
            'disposition_code', 'disposition_text', 'beat_code', 'block_address', 'zip_code',
            'police_district_code', 'location'
        ]) }} as _mangled,
        {{ undone_spreadsheet(texts) }}
        || {{ changes(steps, lists, address) }} as _changes
    from addressed
)

select * from explained
