{# Generated from the dataset file use_of_force.yaml by `summerware generate`. #}
{% macro inputs_of_use_of_force() %}
    create table if not exists raw.use_of_force (
        _extract_id varchar,
        _line bigint,
        _extracted_at timestamp,
        _grain varchar,
        _parse_error varchar,
        pib_file_number varchar,
        occurred_date varchar,
        originating_bureau varchar,
        division_level varchar,
        division varchar,
        unit varchar,
        working_status varchar,
        shift varchar,
        investigation_status varchar,
        disposition varchar,
        service_type varchar,
        light_condition varchar,
        weather_condition varchar,
        force_type varchar,
        force_level varchar,
        subject_influencing_factors varchar,
        force_effective varchar,
        officer_race varchar,
        officer_sex varchar,
        officer_age varchar,
        officer_service_years varchar,
        distance varchar,
        subject_sex varchar,
        subject_race varchar,
        subject_age varchar,
        subject_build varchar,
        subject_height varchar,
        subject_injured varchar,
        subject_hospitalized varchar,
        subject_arrested varchar,
        subject_arrest_charges varchar,
        force_reason varchar,
        officer_injured varchar
    );
    create table if not exists gate.quarantine_use_of_force (
        _extract_id varchar, _line bigint, rule_id varchar, waits boolean
    );
    create table if not exists takedown.keys_use_of_force (row_key varchar);
    create table if not exists takedown.columns_use_of_force (column_name varchar);
    create macro if not exists streets.known_street(cell) as null::varchar;
    create macro if not exists streets.suffix_form(cell) as null::varchar;
    create macro if not exists use_of_force.shifted_at(extract_id, line) as null::varchar;
    create macro if not exists use_of_force.persons_in_originating_bureau(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_division_level(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_division(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_unit(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_working_status(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_shift(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_investigation_status(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_disposition(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_service_type(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_light_condition(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_weather_condition(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_force_type(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_subject_influencing_factors(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_officer_race(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_officer_sex(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_officer_age(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_officer_service_years(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_subject_sex(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_subject_race(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_subject_age(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_subject_build(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_subject_arrest_charges(cell) as null::varchar;
    create macro if not exists use_of_force.persons_in_force_reason(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_originating_bureau(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_originating_bureau(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_division_level(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_division_level(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_unit(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_unit(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_working_status(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_working_status(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_shift(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_shift(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_investigation_status(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_investigation_status(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_disposition(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_disposition(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_service_type(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_service_type(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_light_condition(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_light_condition(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_weather_condition(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_weather_condition(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_force_type(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_force_type(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_force_level(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_force_level(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_officer_race(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_officer_race(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_officer_sex(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_officer_sex(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_subject_sex(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_subject_sex(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_subject_race(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_subject_race(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_subject_build(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_subject_build(cell) as null::varchar;
    create macro if not exists use_of_force.spelled_force_reason(cell) as cell;
    create macro if not exists use_of_force.spelling_rule_force_reason(cell) as null::varchar;
{% endmacro %}
