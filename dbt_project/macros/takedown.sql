{#
    What was taken down by order: columns that are null in every row of a mart. Their names are asked
    for while dbt fills in a model; which keys were taken down, the fates ask themselves.
#}

{% macro taken_down_columns(dataset) %}
    {%- if not execute or not flags.INTROSPECT -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set asked = "select column_name from " ~ source('takedown', 'columns_' ~ dataset) ~ " order by all" -%}
    {{ return(run_query(asked).columns[0].values() | list) }}
{% endmacro %}

{# What stands behind `*` where columns are null: ` replace (...)`, or nothing. #}
{% macro without_taken_down(columns) -%}
    {%- if columns %} replace (
        {%- for name in columns -%}
        case when false then {{ name }} end as {{ name }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
    {%- endif -%}
{%- endmacro %}

{# Where a column was taken down, no policy decides about its cells any more. #}
{% macro still_decides(rule, column, taken_down) -%}
    {%- if taken_down -%}
        {{ rule }} in ('takedown', 'survivorship') or {{ column }} not in ({{ sql_texts(taken_down) }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
