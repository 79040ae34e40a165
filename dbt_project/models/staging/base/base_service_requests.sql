{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
{%- set texts = [
    'ticket_id', 'issue_type', 'issue_description', 'block_address', 'neighborhood',
    'council_district_code', 'city', 'state_code', 'zip_code', 'ticket_status'
] -%}
{%- set formats_1 = [
    ('%Y-%m-%dT%H:%M:%S.%g', '[1-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?T[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?[.][0-9]{1,3}'),
    ('%Y-%m-%dT%H:%M:%S', '[1-9][0-9][0-9][0-9]-[0-9][0-9]?-[0-9][0-9]?T[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?'),
    ('%m/%d/%Y %I:%M:%S %p', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]? +[AaPp][Mm]'),
    ('%m/%d/%Y %H:%M:%S', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?:[0-9][0-9]?'),
    ('%m/%d/%Y %H:%M', '[0-9][0-9]?/[0-9][0-9]?/[1-9][0-9][0-9][0-9] +[0-9][0-9]?:[0-9][0-9]?'),
] -%}
{%- set lists = {
} -%}
{%- set steps = all_steps(
    [
        'ticket_id', 'issue_type', 'issue_description', 'block_address', 'neighborhood',
        'council_district_code', 'city', 'state_code', 'zip_code', 'created_at', 'closed_at',
        'ticket_status', 'latitude', 'longitude', 'location'
    ],
    texts,
    own=steps_of('service_requests', texts=texts, deciding=[]),
    place='block_address',
) -%}
{%- set address = address_of(steps) -%}
with source as (
    select * from {{ source('raw', 'service_requests') }}
),

{#- Here and not where they are used: within a case DuckDB would trim a cell once per use. #}

trimmed as (
    select
        *,
        {{ trimmed('ticket_id') }} as ticket_id__cell,
        {{ trimmed('issue_type') }} as issue_type__cell,
        {{ trimmed('issue_description') }} as issue_description__cell,
        {{ trimmed('block_address') }} as block_address__cell,
        {{ trimmed('neighborhood') }} as neighborhood__cell,
        {{ trimmed('council_district_code') }} as council_district_code__cell,
        {{ trimmed('city') }} as city__cell,
        {{ trimmed('state_code') }} as state_code__cell,
        {{ trimmed('zip_code') }} as zip_code__cell,
        {{ trimmed('ticket_status') }} as ticket_status__cell
    from source
),

as_read as (
    select
        _extract_id,
        _line,
        _extracted_at,
        _grain,
        _parse_error,
        {{ before_spreadsheet('ticket_id__cell') }} as ticket_id__read,
        {{ before_spreadsheet('issue_type__cell') }} as issue_type__read,
        {{ before_spreadsheet('issue_description__cell') }} as issue_description__read,
        {{ before_spreadsheet('block_address__cell') }} as block_address__read,
        {{ before_spreadsheet('neighborhood__cell') }} as neighborhood__read,
        {{ before_spreadsheet('council_district_code__cell') }} as council_district_code__read,
        {{ before_spreadsheet('city__cell') }} as city__read,
        {{ before_spreadsheet('state_code__cell') }} as state_code__read,
        {{ before_spreadsheet('zip_code__cell') }} as zip_code__read,
        {{ read_time('created_at', formats_1) }} as created_at__read,
        {{ read_time('closed_at', formats_1) }} as closed_at__read,
        {{ before_spreadsheet('ticket_status__cell') }} as ticket_status__read,
        {{ read_number('latitude') }} as latitude__read,
        {{ read_number('longitude') }} as longitude__read,
        {{ trimmed('location') }} as location__read,
        {{ unparsed(['created_at', 'closed_at', 'latitude', 'longitude']) }} as _unparsed,
        ticket_id__cell,
        issue_type__cell,
        issue_description__cell,
        block_address__cell,
        neighborhood__cell,
        council_district_code__cell,
        city__cell,
        state_code__cell,
        zip_code__cell,
        ticket_status__cell
    from trimmed
),

standardized as (
    select
        *,
        {{ stepped('ticket_id', steps, lists) }} as ticket_id,
        {{ stepped('issue_type', steps, lists) }} as issue_type,
        {{ stepped('issue_description', steps, lists) }} as issue_description,
        {{ stepped('block_address', steps, lists) }} as block_address,
        {{ stepped('neighborhood', steps, lists) }} as neighborhood,
        {{ stepped('council_district_code', steps, lists) }} as council_district_code,
        {{ stepped('city', steps, lists) }} as city,
        {{ stepped('state_code', steps, lists) }} as state_code,
        {{ stepped('zip_code', steps, lists) }} as zip_code,
        {{ stepped('created_at', steps, lists) }} as created_at,
        {{ stepped('closed_at', steps, lists) }} as closed_at,
        {{ stepped('ticket_status', steps, lists) }} as ticket_status,
        {{ stepped('latitude', steps, lists) }} as latitude,
        {{ stepped('longitude', steps, lists) }} as longitude,
        {{ stepped('location', steps, lists) }} as location
    from as_read
),

{{ addressed('standardized', address) }}

explained as (
    select
        *
        exclude (
            ticket_id__cell,
            issue_type__cell,
            issue_description__cell,
            block_address__cell,
            neighborhood__cell,
            council_district_code__cell,
            city__cell,
            state_code__cell,
            zip_code__cell,
            ticket_status__cell
        ),
        {{ mangled([
            'ticket_id', 'issue_type', 'issue_description', 'block_address', 'neighborhood',
            'council_district_code', 'city', 'state_code', 'zip_code', 'ticket_status',
            'location'
        ]) }} as _mangled,
        {{ undone_spreadsheet(texts) }}
        || {{ changes(steps, lists, address) }} as _changes
    from addressed
)

select * from explained
