{#- Generated from the dataset file use_of_force.yaml by `summerware generate`. -#}
with surviving as (
    select * from {{ ref('int_use_of_force__incidents') }}
),

{#- A column that moves by itself is dead in an extract in which it is all 0 or says nothing. #}

dead as (
    select
        {{ is_dead('officer_service_years') }} as officer_service_years
    from surviving
),

published as (
    select
        surviving.pib_file_number,
        surviving.occurred_date,
        surviving.originating_bureau,
        surviving.division_level,
        surviving.division,
        surviving.unit,
        surviving.working_status,
        surviving.shift,
        surviving.investigation_status,
        surviving.disposition,
        surviving.service_type,
        surviving.light_condition,
        surviving.weather_condition,
        surviving.force_type,
        surviving.force_level,
        surviving.subject_influencing_factors,
        surviving.force_effective,
        surviving.officer_race,
        surviving.officer_sex,
        surviving.officer_age,
        case
            when dead.officer_service_years then null
            else surviving.officer_service_years
        end as officer_service_years,
        surviving.distance,
        surviving.subject_sex,
        surviving.subject_race,
        surviving.subject_age,
        surviving.subject_build,
        surviving.subject_height,
        surviving.subject_injured,
        surviving.subject_hospitalized,
        surviving.subject_arrested,
        surviving.subject_arrest_charges,
        surviving.force_reason,
        surviving.officer_injured
    from surviving
    cross join dead
)

select *{{ without_taken_down(taken_down_columns('use_of_force')) }} from published
order by pib_file_number
