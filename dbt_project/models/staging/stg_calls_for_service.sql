{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
with base as (
    select * from {{ ref('base_calls_for_service') }}
),

spelled as (
    select
        *,
        calls_for_service.spelled_call_type_text(call_type_text) as call_type_text__spelled,
        calls_for_service.spelled_initial_call_type_text(initial_call_type_text)
            as initial_call_type_text__spelled,
        calls_for_service.spelled_disposition_text(disposition_text) as disposition_text__spelled,
        calls_for_service.spelled_block_address(block_address) as block_address__spelled
    from base
),

classified as (
    select
        *,
        {{ policies_of('calls_for_service', 'call_type_code') }} as _policies_call_type_code,
        {{ is_unclassified('calls_for_service', 'call_type_code') }}
            as _is_unclassified_call_type_code,
        {{ policies_of('calls_for_service', 'call_type_text', spelled=true) }}
            as _policies_call_type_text,
        {{ is_unclassified('calls_for_service', 'call_type_text', spelled=true) }}
            as _is_unclassified_call_type_text,
        {{ policies_of('calls_for_service', 'initial_call_type_code') }}
            as _policies_initial_call_type_code,
        {{ is_unclassified('calls_for_service', 'initial_call_type_code') }}
            as _is_unclassified_initial_call_type_code,
        {{ policies_of('calls_for_service', 'initial_call_type_text', spelled=true) }}
            as _policies_initial_call_type_text,
        {{ is_unclassified('calls_for_service', 'initial_call_type_text', spelled=true) }}
            as _is_unclassified_initial_call_type_text
    from spelled
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
        calls_for_service.shifted_at(_extract_id, _line) as _shifted,
        nullif(concat_ws(
            '; ',
            {{ persons_in('calls_for_service', 'call_type_code') }},
            {{ persons_in('calls_for_service', 'call_type_text') }},
            {{ persons_in('calls_for_service', 'initial_call_type_code') }},
            {{ persons_in('calls_for_service', 'initial_call_type_text') }},
            {{ persons_in('calls_for_service', 'disposition_text') }},
            {{ persons_in('calls_for_service', 'police_district_code') }}
        ), '') as _persons,
        {{ covering_policies([
            '_policies_call_type_code', '_policies_call_type_text',
            '_policies_initial_call_type_code', '_policies_initial_call_type_text'
        ]) }} as _policies,
        nullif(concat_ws(
            ', ',
            {{ unclassified('calls_for_service', 'call_type_code') }},
            {{ unclassified('calls_for_service', 'call_type_text') }},
            {{ unclassified('calls_for_service', 'initial_call_type_code') }},
            {{ unclassified('calls_for_service', 'initial_call_type_text') }}
        ), '') as _unclassified,
        null::varchar as _uneven,
        item_number,
        call_type_code,
        call_type_text__spelled as call_type_text,
        priority_code,
        initial_call_type_code,
        initial_call_type_text__spelled as initial_call_type_text,
        initial_priority_code,
        map_x_feet,
        map_y_feet,
        created_at,
        dispatched_at,
        arrived_at,
        closed_at,
        disposition_code,
        disposition_text__spelled as disposition_text,
        is_self_initiated,
        beat_code,
        block_address__spelled as block_address,
        zip_code,
        police_district_code,
        location,
        list_filter(
            _changes || [
                {{ respelled('calls_for_service', 'call_type_text') }},
                {{ respelled('calls_for_service', 'initial_call_type_text') }},
                {{ respelled('calls_for_service', 'disposition_text') }},
                {{ respelled('calls_for_service', 'block_address') }}
            ],
            lambda cell: cell is not null
        ) as _changes
    from classified
)

select * from staged
