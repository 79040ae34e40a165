{# Generated from the dataset file service_requests.yaml by `summerware generate`. #}
{% macro inputs_of_service_requests() %}
    create table if not exists raw.service_requests (
        _extract_id varchar,
        _line bigint,
        _extracted_at timestamp,
        _grain varchar,
        _parse_error varchar,
        ticket_id varchar,
        issue_type varchar,
        issue_description varchar,
        block_address varchar,
        neighborhood varchar,
        council_district_code varchar,
        city varchar,
        state_code varchar,
        zip_code varchar,
        created_at varchar,
        closed_at varchar,
        ticket_status varchar,
        latitude varchar,
        longitude varchar,
        location varchar
    );
    create table if not exists gate.quarantine_service_requests (
        _extract_id varchar, _line bigint, rule_id varchar, waits boolean
    );
    create table if not exists linked.possible_duplicates_service_requests (
        row_key varchar, possible_duplicate_of varchar
    );
    create table if not exists linked.merged_keys_service_requests (
        row_key varchar, survivor_key varchar, decision_id varchar
    );
    create table if not exists takedown.keys_service_requests (row_key varchar);
    create table if not exists takedown.columns_service_requests (column_name varchar);
    create macro if not exists streets.known_street(cell) as null::varchar;
    create macro if not exists streets.suffix_form(cell) as null::varchar;
    create macro if not exists service_requests.shifted_at(extract_id, line) as null::varchar;
    create macro if not exists service_requests.persons_in_issue_type(cell) as null::varchar;
    create macro if not exists service_requests.persons_in_neighborhood(cell) as null::varchar;
    create macro if not exists service_requests.persons_in_city(cell) as null::varchar;
    create macro if not exists service_requests.spelled_issue_type(cell) as cell;
    create macro if not exists service_requests.spelling_rule_issue_type(cell) as null::varchar;
    create macro if not exists service_requests.spelled_block_address(cell) as cell;
    create macro if not exists service_requests.spelling_rule_block_address(cell) as null::varchar;
    create macro if not exists service_requests.spelled_neighborhood(cell) as cell;
    create macro if not exists service_requests.spelling_rule_neighborhood(cell) as null::varchar;
    create macro if not exists service_requests.spelled_city(cell) as cell;
    create macro if not exists service_requests.spelling_rule_city(cell) as null::varchar;
{% endmacro %}
