{{ config(materialized='view') }}

{#
    One row per incident. Where a line is one officer and kind of force, the lines of an incident are
    put side by side in an order that only their cells decide, newest columns last, the column that
    moves by itself at the very end.

    Lists that go together keep equally many places. An officer's columns hold one entry per line, so
    that entry n of each is the same officer. A subject's columns hold their one value each where all
    lines say the same of all of them, or else one entry per line, all of them. Any other column holds
    its one value, or one entry per line. A line that has several places itself has as many here.
#}
{%- set parts = {'separator': ' | ', 'set': false} -%}
{%- set officer = [
    'force_type', 'force_level', 'force_effective', 'officer_race', 'officer_sex',
    'officer_age', 'officer_service_years', 'officer_injured'
] -%}
{%- set subject = [
    'subject_influencing_factors', 'distance', 'subject_sex', 'subject_race', 'subject_age',
    'subject_build', 'subject_height', 'subject_injured', 'subject_hospitalized',
    'subject_arrested', 'subject_arrest_charges'
] -%}
with staged as (
    select * from {{ ref('stg_use_of_force') }}
),

fates as (
    select * from {{ ref('int_use_of_force__fates') }}
),

published as (
    select staged.*
    from staged
    semi join fates
        on
            staged._extract_id = fates._extract_id
            and staged._line = fates._line
            and fates.fate = 'published'
),

in_order as (
    select
        *,
        {{ most_places(officer, parts) }} as officer_places,
        {{ most_places(subject, parts) }} as subject_places,
        row_number() over (
            partition by pib_file_number
            order by
                force_type, force_effective, officer_race, officer_sex, officer_age,
                officer_injured, pib_file_number, occurred_date, originating_bureau,
                division_level, division, unit, working_status, shift, investigation_status,
                disposition, service_type, light_condition, weather_condition,
                subject_influencing_factors, distance, subject_sex, subject_race, subject_age,
                subject_build, subject_height, subject_injured, subject_hospitalized,
                subject_arrested, subject_arrest_charges, force_reason, force_level,
                officer_service_years, _line
        ) as place
    from published
),

incidents as (
    select
        pib_file_number,
        {{ same_or_one_per_line('originating_bureau', parts) }} as originating_bureau,
        {{ same_or_one_per_line('division_level', parts) }} as division_level,
        {{ same_or_one_per_line('division', parts) }} as division,
        {{ same_or_one_per_line('unit', parts) }} as unit,
        {{ same_or_one_per_line('working_status', parts) }} as working_status,
        {{ same_or_one_per_line('shift', parts) }} as shift,
        {{ same_or_one_per_line('investigation_status', parts) }} as investigation_status,
        {{ same_or_one_per_line('disposition', parts) }} as disposition,
        {{ same_or_one_per_line('service_type', parts) }} as service_type,
        {{ same_or_one_per_line('light_condition', parts) }} as light_condition,
        {{ same_or_one_per_line('weather_condition', parts) }} as weather_condition,
        {{ one_per_line('force_type', parts, 'officer_places') }} as force_type,
        {{ one_per_line('force_level', parts, 'officer_places') }} as force_level,
        {{ same_or_one_per_line('subject_influencing_factors', parts, subject, 'subject_places') }}
            as subject_influencing_factors,
        {{ one_per_line('force_effective', parts, 'officer_places') }} as force_effective,
        {{ one_per_line('officer_race', parts, 'officer_places') }} as officer_race,
        {{ one_per_line('officer_sex', parts, 'officer_places') }} as officer_sex,
        {{ one_per_line('officer_age', parts, 'officer_places') }} as officer_age,
        {{ one_per_line('officer_service_years', parts, 'officer_places') }}
            as officer_service_years,
        {{ same_or_one_per_line('distance', parts, subject, 'subject_places') }} as distance,
        {{ same_or_one_per_line('subject_sex', parts, subject, 'subject_places') }} as subject_sex,
        {{ same_or_one_per_line('subject_race', parts, subject, 'subject_places') }}
            as subject_race,
        {{ same_or_one_per_line('subject_age', parts, subject, 'subject_places') }} as subject_age,
        {{ same_or_one_per_line('subject_build', parts, subject, 'subject_places') }}
            as subject_build,
        {{ same_or_one_per_line('subject_height', parts, subject, 'subject_places') }}
            as subject_height,
        {{ same_or_one_per_line('subject_injured', parts, subject, 'subject_places') }}
            as subject_injured,
        {{ same_or_one_per_line('subject_hospitalized', parts, subject, 'subject_places') }}
            as subject_hospitalized,
        {{ same_or_one_per_line('subject_arrested', parts, subject, 'subject_places') }}
            as subject_arrested,
        {{ same_or_one_per_line('subject_arrest_charges', parts, subject, 'subject_places') }}
            as subject_arrest_charges,
        {{ same_or_one_per_line('force_reason', parts) }} as force_reason,
        {{ one_per_line('officer_injured', parts, 'officer_places') }} as officer_injured,
        string_agg(distinct _policies, ' ' order by _policies) as _policies,
        null::{{ survivorship_type() }} as _survivorship,
        min(occurred_date) as occurred_date
    from in_order
    group by pib_file_number
)

select * from incidents
