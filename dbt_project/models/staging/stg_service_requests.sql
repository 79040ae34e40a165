{#- Generated from the dataset file service_requests.yaml by `summerware generate`. -#}
with base as (
    select * from {{ ref('base_service_requests') }}
),

spelled as (
    select
        *,
        service_requests.spelled_issue_type(issue_type) as issue_type__spelled,
        service_requests.spelled_block_address(block_address) as block_address__spelled,
        service_requests.spelled_neighborhood(neighborhood) as neighborhood__spelled,
        service_requests.spelled_city(city) as city__spelled
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
        service_requests.shifted_at(_extract_id, _line) as _shifted,
        nullif(concat_ws(
            '; ',
            {{ persons_in('service_requests', 'issue_type') }},
            {{ persons_in('service_requests', 'neighborhood') }},
            {{ persons_in('service_requests', 'city') }}
        ), '') as _persons,
        null::varchar as _policies,
        null::varchar as _unclassified,
        null::varchar as _uneven,
        ticket_id,
        issue_type__spelled as issue_type,
        issue_description,
        block_address__spelled as block_address,
        neighborhood__spelled as neighborhood,
        council_district_code,
        city__spelled as city,
        state_code,
        zip_code,
        created_at,
        closed_at,
        ticket_status,
        latitude,
        longitude,
        location,
        list_filter(
            _changes || [
                {{ respelled('service_requests', 'issue_type') }},
                {{ respelled('service_requests', 'block_address') }},
                {{ respelled('service_requests', 'neighborhood') }},
                {{ respelled('service_requests', 'city') }}
            ],
            lambda cell: cell is not null
        ) as _changes
    from spelled
)

select * from staged
