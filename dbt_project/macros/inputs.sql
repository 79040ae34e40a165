{#
    What the models read and no model makes, for who runs dbt by hand.

    In a run each step makes it: lines, what a gate quarantined, what was linked or taken down, and a
    schema of functions per dataset. By hand it is that of the last run, which keeps the databases of its
    steps beside its layers; where there was no run, tables are empty and functions know nothing.
#}
{% macro open_inputs() %}
    {%- if execute and flags.INTROSPECT and not env_var('SUMMERWARE_WORKSPACE', '') -%}
        {%- set home = env_var('SUMMERWARE_HOME', flags.PROJECT_DIR ~ '/../.summerware') -%}
        {%- set datasets = graph.sources.values() | selectattr('source_name', 'equalto', 'raw') -%}
        {%- set datasets = datasets | map(attribute='name') | list -%}
        {%- for schema in ['raw', 'gate', 'linked', 'takedown', 'streets'] + datasets -%}
            {%- do run_query("drop schema if exists " ~ schema ~ " cascade") -%}
            {%- do run_query("create schema " ~ schema) -%}
        {%- endfor -%}
        {%- for dataset in datasets -%}
            {%- for layer in ('standardized', 'deduplicated') -%}
                {%- set kept = sql_text(home ~ '/layers/' ~ dataset ~ '/' ~ layer ~ '.duckdb') -%}
                {%- set found = run_query("select count(*) from glob(" ~ kept ~ ")") -%}
                {%- if found.columns[0].values()[0] > 0 -%}
                    {%- do take_inputs(kept) -%}
                {%- endif -%}
            {%- endfor -%}
            {%- do run_query(context['inputs_of_' ~ dataset]()) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{# Copies the inputs of a step: the members of types, functions, views on kept files, small tables. #}
{% macro take_inputs(database) %}
    {%- do run_query("attach " ~ database ~ " as last_step (read_only)") -%}
    {%- set asked -%}
        select statement from (
            select
                1 as place,
                0 as asks,
                format(
                    'create type {0}.{1} as enum (select unnest(labels) from duckdb_types() where '
                    'database_name = ''last_step'' and schema_name = ''{0}'' and type_name = ''{1}'')',
                    schema_name, type_name
                ) as statement
            from duckdb_types() as kept
            where
                database_name = 'last_step'
                and logical_type = 'ENUM'
                and schema_name <> 'main'
                and not exists (
                    from duckdb_types() as known
                    where
                        known.database_name = current_database()
                        and known.schema_name = kept.schema_name
                        and known.type_name = kept.type_name
                )
            union all
            select
                2,
                (
                    select count(*) from duckdb_functions() as other
                    where
                        other.database_name = 'last_step'
                        and contains(kept.macro_definition, other.function_name || '(')
                ),
                format(
                    'create or replace macro {}.{}({}) as {}',
                    schema_name, function_name, array_to_string(parameters, ', '), macro_definition
                )
            from duckdb_functions() as kept
            where database_name = 'last_step' and function_type = 'macro' and not internal
            union all
            select 3, 0, replace(sql, 'CREATE VIEW', 'create or replace view')
            from duckdb_views()
            where database_name = 'last_step' and schema_name in ('raw', 'gate')
            union all
            select
                4,
                0,
                format('create or replace table {0}.{1} as from last_step.{0}.{1}', schema_name, table_name)
            from duckdb_tables()
            where
                database_name = 'last_step'
                and (
                    schema_name = 'takedown'
                    or starts_with(table_name, 'possible_duplicates_')
                    or starts_with(table_name, 'merged_keys_')
                )
        ) as statements
        order by place, asks
    {%- endset -%}
    {%- for statement in run_query(asked).columns[0].values() -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {%- do run_query("detach last_step") -%}
{% endmacro %}
