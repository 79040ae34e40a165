{# Generated from the dataset file stops.yaml by `summerware generate`. #}
{% macro inputs_of_stops() %}
    create table if not exists raw.stops (
        _extract_id varchar,
        _line bigint,
        _extracted_at timestamp,
        _grain varchar,
        _parse_error varchar,
        field_interview_id varchar,
        subject_id varchar,
        item_number varchar,
        occurred_at varchar,
        police_district_code varchar,
        zone_code varchar,
        officer_assignment varchar,
        stop_description varchar,
        actions_taken varchar,
        vehicle_year varchar,
        vehicle_make varchar,
        vehicle_model varchar,
        vehicle_style varchar,
        vehicle_color varchar,
        subject_race varchar,
        subject_sex varchar,
        subject_age varchar,
        subject_has_photo_id varchar,
        subject_height_inches varchar,
        subject_weight_pounds varchar,
        subject_eye_color varchar,
        subject_hair_color varchar,
        subject_driver_license_state_code varchar,
        created_at varchar,
        modified_at varchar,
        longitude varchar,
        latitude varchar,
        zip_code varchar,
        block_address varchar
    );
    create table if not exists gate.quarantine_stops (
        _extract_id varchar, _line bigint, rule_id varchar, waits boolean
    );
    create table if not exists takedown.keys_stops (row_key varchar);
    create table if not exists takedown.columns_stops (column_name varchar);
    create macro if not exists streets.known_street(cell) as null::varchar;
    create macro if not exists streets.suffix_form(cell) as null::varchar;
    create macro if not exists stops.shifted_at(extract_id, line) as null::varchar;
    create macro if not exists stops.persons_in_police_district_code(cell) as null::varchar;
    create macro if not exists stops.persons_in_officer_assignment(cell) as null::varchar;
    create macro if not exists stops.persons_in_stop_description(cell) as null::varchar;
    create macro if not exists stops.persons_in_actions_taken(cell) as null::varchar;
    create macro if not exists stops.persons_in_vehicle_make(cell) as null::varchar;
    create macro if not exists stops.persons_in_vehicle_model(cell) as null::varchar;
    create macro if not exists stops.persons_in_vehicle_style(cell) as null::varchar;
    create macro if not exists stops.persons_in_vehicle_color(cell) as null::varchar;
    create macro if not exists stops.persons_in_subject_race(cell) as null::varchar;
    create macro if not exists stops.persons_in_subject_eye_color(cell) as null::varchar;
    create macro if not exists stops.persons_in_subject_hair_color(cell) as null::varchar;
    create macro if not exists stops.spelled_officer_assignment(cell) as cell;
    create macro if not exists stops.spelling_rule_officer_assignment(cell) as null::varchar;
    create macro if not exists stops.spelled_stop_description(cell) as cell;
    create macro if not exists stops.spelling_rule_stop_description(cell) as null::varchar;
    create macro if not exists stops.spelled_vehicle_make(cell) as cell;
    create macro if not exists stops.spelling_rule_vehicle_make(cell) as null::varchar;
    create macro if not exists stops.spelled_vehicle_model(cell) as cell;
    create macro if not exists stops.spelling_rule_vehicle_model(cell) as null::varchar;
    create macro if not exists stops.spelled_vehicle_color(cell) as cell;
    create macro if not exists stops.spelling_rule_vehicle_color(cell) as null::varchar;
    create macro if not exists stops.spelled_subject_race(cell) as cell;
    create macro if not exists stops.spelling_rule_subject_race(cell) as null::varchar;
    create macro if not exists stops.spelled_subject_sex(cell) as cell;
    create macro if not exists stops.spelling_rule_subject_sex(cell) as null::varchar;
    create macro if not exists stops.spelled_block_address(cell) as cell;
    create macro if not exists stops.spelling_rule_block_address(cell) as null::varchar;
{% endmacro %}
