{# Generated from the dataset file calls_for_service.yaml by `summerware generate`. #}
{% macro inputs_of_calls_for_service() %}
    create table if not exists raw.calls_for_service (
        _extract_id varchar,
        _line bigint,
        _extracted_at timestamp,
        _grain varchar,
        _parse_error varchar,
        item_number varchar,
        call_type_code varchar,
        call_type_text varchar,
        priority_code varchar,
        initial_call_type_code varchar,
        initial_call_type_text varchar,
        initial_priority_code varchar,
        map_x_feet varchar,
        map_y_feet varchar,
        created_at varchar,
        dispatched_at varchar,
        arrived_at varchar,
        closed_at varchar,
        disposition_code varchar,
        disposition_text varchar,
        is_self_initiated varchar,
        beat_code varchar,
        block_address varchar,
        zip_code varchar,
        police_district_code varchar,
        location varchar
    );
    create table if not exists gate.quarantine_calls_for_service (
        _extract_id varchar, _line bigint, rule_id varchar, waits boolean
    );
    create table if not exists linked.possible_duplicates_calls_for_service (
        row_key varchar, possible_duplicate_of varchar
    );
    create table if not exists linked.merged_keys_calls_for_service (
        row_key varchar, survivor_key varchar, decision_id varchar
    );
    create table if not exists takedown.keys_calls_for_service (row_key varchar);
    create table if not exists takedown.columns_calls_for_service (column_name varchar);
    create macro if not exists streets.known_street(cell) as null::varchar;
    create macro if not exists streets.suffix_form(cell) as null::varchar;
    create macro if not exists calls_for_service.shifted_at(extract_id, line) as null::varchar;
    create macro if not exists calls_for_service.class_call_type_code(cell) as null::varchar;
    create macro if not exists calls_for_service.is_asked_call_type_code(extract_id) as true;
    create macro if not exists calls_for_service.class_call_type_text(cell) as null::varchar;
    create macro if not exists calls_for_service.is_asked_call_type_text(extract_id) as true;
    create macro if not exists calls_for_service.class_initial_call_type_code(cell) as null::varchar;
    create macro if not exists calls_for_service.is_asked_initial_call_type_code(extract_id) as true;
    create macro if not exists calls_for_service.class_initial_call_type_text(cell) as null::varchar;
    create macro if not exists calls_for_service.is_asked_initial_call_type_text(extract_id) as true;
    create macro if not exists calls_for_service.persons_in_call_type_code(cell) as null::varchar;
    create macro if not exists calls_for_service.persons_in_call_type_text(cell) as null::varchar;
    create macro if not exists calls_for_service.persons_in_initial_call_type_code(cell) as null::varchar;
    create macro if not exists calls_for_service.persons_in_initial_call_type_text(cell) as null::varchar;
    create macro if not exists calls_for_service.persons_in_disposition_text(cell) as null::varchar;
    create macro if not exists calls_for_service.persons_in_police_district_code(cell) as null::varchar;
    create macro if not exists calls_for_service.spelled_call_type_text(cell) as cell;
    create macro if not exists calls_for_service.spelling_rule_call_type_text(cell) as null::varchar;
    create macro if not exists calls_for_service.spelled_initial_call_type_text(cell) as cell;
    create macro if not exists calls_for_service.spelling_rule_initial_call_type_text(cell) as null::varchar;
    create macro if not exists calls_for_service.spelled_disposition_text(cell) as cell;
    create macro if not exists calls_for_service.spelling_rule_disposition_text(cell) as null::varchar;
    create macro if not exists calls_for_service.spelled_block_address(cell) as cell;
    create macro if not exists calls_for_service.spelling_rule_block_address(cell) as null::varchar;
{% endmacro %}
