{#- Generated from the dataset file use_of_force.yaml by `summerware generate`. -#}
with base as (
    select * from {{ ref('base_use_of_force') }}
),

spelled as (
    select
        *,
        use_of_force.spelled_originating_bureau(originating_bureau)
            as originating_bureau__spelled,
        use_of_force.spelled_division_level(division_level) as division_level__spelled,
        use_of_force.spelled_unit(unit) as unit__spelled,
        use_of_force.spelled_working_status(working_status) as working_status__spelled,
        use_of_force.spelled_shift(shift) as shift__spelled,
        use_of_force.spelled_investigation_status(investigation_status)
            as investigation_status__spelled,
        use_of_force.spelled_disposition(disposition) as disposition__spelled,
        use_of_force.spelled_service_type(service_type) as service_type__spelled,
        use_of_force.spelled_light_condition(light_condition) as light_condition__spelled,
        use_of_force.spelled_weather_condition(weather_condition) as weather_condition__spelled,
        use_of_force.spelled_force_type(force_type) as force_type__spelled,
        use_of_force.spelled_force_level(force_level) as force_level__spelled,
        use_of_force.spelled_officer_race(officer_race) as officer_race__spelled,
        use_of_force.spelled_officer_sex(officer_sex) as officer_sex__spelled,
        use_of_force.spelled_subject_sex(subject_sex) as subject_sex__spelled,
        use_of_force.spelled_subject_race(subject_race) as subject_race__spelled,
        use_of_force.spelled_subject_build(subject_build) as subject_build__spelled,
        use_of_force.spelled_force_reason(force_reason) as force_reason__spelled
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
        use_of_force.shifted_at(_extract_id, _line) as _shifted,
        nullif(concat_ws(
            '; ',
            {{ persons_in('use_of_force', 'originating_bureau') }},
            {{ persons_in('use_of_force', 'division_level') }},
            {{ persons_in('use_of_force', 'division') }},
            {{ persons_in('use_of_force', 'unit') }},
            {{ persons_in('use_of_force', 'working_status') }},
            {{ persons_in('use_of_force', 'shift') }},
            {{ persons_in('use_of_force', 'investigation_status') }},
            {{ persons_in('use_of_force', 'disposition') }},
            {{ persons_in('use_of_force', 'service_type') }},
            {{ persons_in('use_of_force', 'light_condition') }},
            {{ persons_in('use_of_force', 'weather_condition') }},
            {{ persons_in('use_of_force', 'force_type') }},
            {{ persons_in('use_of_force', 'subject_influencing_factors') }},
            {{ persons_in('use_of_force', 'officer_race') }},
            {{ persons_in('use_of_force', 'officer_sex') }},
            {{ persons_in('use_of_force', 'officer_age') }},
            {{ persons_in('use_of_force', 'officer_service_years') }},
            {{ persons_in('use_of_force', 'subject_sex') }},
            {{ persons_in('use_of_force', 'subject_race') }},
            {{ persons_in('use_of_force', 'subject_age') }},
            {{ persons_in('use_of_force', 'subject_build') }},
            {{ persons_in('use_of_force', 'subject_arrest_charges') }},
            {{ persons_in('use_of_force', 'force_reason') }}
        ), '') as _persons,
        null::varchar as _policies,
        null::varchar as _unclassified,
        nullif(concat_ws(
            ', ',
            case
                when {{ are_uneven([
                    'force_type__spelled',
                    'force_level__spelled',
                    'force_effective',
                    'officer_race__spelled',
                    'officer_sex__spelled',
                    'officer_age',
                    'officer_service_years',
                    'officer_injured',
                ], {'separator': ' | ', 'set': False}) }} then 'officer'
            end,
            case
                when {{ are_uneven([
                    'subject_influencing_factors',
                    'distance',
                    'subject_sex__spelled',
                    'subject_race__spelled',
                    'subject_age',
                    'subject_build__spelled',
                    'subject_height',
                    'subject_injured',
                    'subject_hospitalized',
                    'subject_arrested',
                    'subject_arrest_charges',
                ], {'separator': ' | ', 'set': False}) }} then 'subject'
            end
        ), '') as _uneven,
        pib_file_number,
        occurred_date,
        originating_bureau__spelled as originating_bureau,
        division_level__spelled as division_level,
        division,
        unit__spelled as unit,
        working_status__spelled as working_status,
        shift__spelled as shift,
        investigation_status__spelled as investigation_status,
        disposition__spelled as disposition,
        service_type__spelled as service_type,
        light_condition__spelled as light_condition,
        weather_condition__spelled as weather_condition,
        force_type__spelled as force_type,
        force_level__spelled as force_level,
        subject_influencing_factors,
        force_effective,
        officer_race__spelled as officer_race,
        officer_sex__spelled as officer_sex,
        officer_age,
        officer_service_years,
        distance,
        subject_sex__spelled as subject_sex,
        subject_race__spelled as subject_race,
        subject_age,
        subject_build__spelled as subject_build,
        subject_height,
        subject_injured,
        subject_hospitalized,
        subject_arrested,
        subject_arrest_charges,
        force_reason__spelled as force_reason,
        officer_injured,
        list_filter(
            _changes || [
                {{ respelled('use_of_force', 'originating_bureau') }},
                {{ respelled('use_of_force', 'division_level') }},
                {{ respelled('use_of_force', 'unit') }},
                {{ respelled('use_of_force', 'working_status') }},
                {{ respelled('use_of_force', 'shift') }},
                {{ respelled('use_of_force', 'investigation_status') }},
                {{ respelled('use_of_force', 'disposition') }},
                {{ respelled('use_of_force', 'service_type') }},
                {{ respelled('use_of_force', 'light_condition') }},
                {{ respelled('use_of_force', 'weather_condition') }},
                {{ respelled('use_of_force', 'force_type') }},
                {{ respelled('use_of_force', 'force_level') }},
                {{ respelled('use_of_force', 'officer_race') }},
                {{ respelled('use_of_force', 'officer_sex') }},
                {{ respelled('use_of_force', 'subject_sex') }},
                {{ respelled('use_of_force', 'subject_race') }},
                {{ respelled('use_of_force', 'subject_build') }},
                {{ respelled('use_of_force', 'force_reason') }}
            ],
            lambda cell: cell is not null
        ) as _changes
    from spelled
)

select * from staged
