{#- Generated from the dataset file calls_for_service.yaml by `summerware generate`. -#}
{{ config(materialized='view') }}

{#
    Rows with one line pass through, and so do those whose winner gives every cell; which value the
    others take, macros/survivorship.sql says.
#}
with staged as (
    select * from {{ ref('stg_calls_for_service') }}
),

fates as (
    select * from {{ ref('int_calls_for_service__fates') }}
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
        winners.item_number,
        winners.call_type_code,
        winners.call_type_text,
        winners.priority_code,
        winners.initial_call_type_code,
        winners.initial_call_type_text,
        winners.initial_priority_code,
        winners.map_x_feet,
        winners.map_y_feet,
        winners.created_at,
        winners.dispatched_at,
        winners.arrived_at,
        winners.closed_at,
        winners.disposition_code,
        winners.disposition_text,
        winners.is_self_initiated,
        winners.beat_code,
        winners.block_address,
        winners.zip_code,
        winners.police_district_code,
        winners.location,
        winners._policies,
        null::{{ survivorship_type() }} as _survivorship
    from winners
    anti join mixed_keys on winners.item_number = mixed_keys.row_key
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
        {{ winning('item_number') }} as item_number,
        {{ winning('call_type_code') }} as call_type_code,
        {{ winning('call_type_text') }} as call_type_text,
        {{ winning('priority_code') }} as priority_code,
        {{ winning('initial_call_type_code') }} as initial_call_type_code,
        {{ winning('initial_call_type_text') }} as initial_call_type_text,
        {{ winning('initial_priority_code') }} as initial_priority_code,
        {{ winning('map_x_feet') }} as map_x_feet,
        {{ winning('map_y_feet') }} as map_y_feet,
        {{ given('created_at') }} as created_at,
        {{ winning('dispatched_at') }} as dispatched_at,
        {{ winning('arrived_at') }} as arrived_at,
        {{ winning('closed_at') }} as closed_at,
        {{ winning('disposition_code') }} as disposition_code,
        {{ winning('disposition_text') }} as disposition_text,
        {{ winning('is_self_initiated') }} as is_self_initiated,
        {{ winning('beat_code') }} as beat_code,
        {{ winning('block_address') }} as block_address,
        {{ winning('zip_code') }} as zip_code,
        {{ winning('police_district_code') }} as police_district_code,
        {{ winning('location') }} as location,
        any_value(policies) as _policies,
        list_filter([
            {{ survived('created_at', given('created_at')) }}
        ]::{{ survivorship_type() }}, cell -> cell is not null) as _survivorship
    from givers
    group by row_key
),

surviving as (
    select * from whole
    union all
    select * from mixed
)

select * from surviving
