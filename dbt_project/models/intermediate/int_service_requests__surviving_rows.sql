{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
{{ config(materialized='view') }}

{#
    Rows with one line pass through, and so do those whose winner gives every cell; which value the
    others take, macros/survivorship.sql says.
#}
with staged as (
    select * from {{ ref('stg_service_requests') }}
),

fates as (
    select * from {{ ref('int_service_requests__fates') }}
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
        winners.ticket_id,
        winners.issue_type,
        winners.issue_description,
        winners.block_address,
        winners.neighborhood,
        winners.council_district_code,
        winners.city,
        winners.state_code,
        winners.zip_code,
        winners.created_at,
        winners.closed_at,
        winners.ticket_status,
        winners.latitude,
        winners.longitude,
        winners.location,
        winners._policies,
        null::{{ survivorship_type() }} as _survivorship
    from winners
    anti join mixed_keys on winners.ticket_id = mixed_keys.row_key
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
        {{ winning('ticket_id') }} as ticket_id,
        {{ winning('issue_type') }} as issue_type,
        {{ winning('issue_description') }} as issue_description,
        {{ winning('block_address') }} as block_address,
        {{ winning('neighborhood') }} as neighborhood,
        {{ winning('council_district_code') }} as council_district_code,
        {{ winning('city') }} as city,
        {{ winning('state_code') }} as state_code,
        {{ winning('zip_code') }} as zip_code,
        {{ winning('created_at') }} as created_at,
        {{ winning('closed_at') }} as closed_at,
        {{ winning('ticket_status') }} as ticket_status,
        {{ winning('latitude') }} as latitude,
        {{ winning('longitude') }} as longitude,
        {{ winning('location') }} as location,
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
