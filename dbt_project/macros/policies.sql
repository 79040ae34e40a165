{# Which policies of a dataset file cover a line. #}

{# Whether policies, ids with blanks between as `_policies` holds them, are one of them. #}
{% macro under_policy(policies, policy_id) -%}
    coalesce(contains(' ' || {{ policies }} || ' ', ' {{ policy_id }} '), false)
{%- endmacro %}

{# Whether one of these deciding columns of a dataset, as read, is covered by a policy. #}
{% macro covered_as_read(dataset, columns, policy_id) %}
    {% set covered = [] %}
    {% for name in columns %}
        {% do covered.append(under_policy(dataset ~ '.class_' ~ name ~ '(' ~ name ~ '__read)', policy_id)) %}
    {% endfor %}
    {{ return(covered | join(' or ') or 'false') }}
{% endmacro %}

{# Every policy that some texts name, each once and in order; null for most lines. #}
{% macro covering_policies(texts) -%}
    {%- set policies = "trim(concat_ws(' ', " ~ texts | join(', ') ~ "))" -%}
    case
        when {{ policies }} <> '' then array_to_string(
            list_sort(list_distinct(string_split_regex({{ policies }}, ' +'))), ' '
        )
    end
{%- endmacro %}

{# A deciding column of a staging model as read, as standardized and, where it is spelled, as corrected. #}
{% macro readings(column, spelled=false) %}
    {{ return([column ~ '__read', column] + ([column ~ '__spelled'] if spelled else [])) }}
{% endmacro %}

{# The policies that any reading of a deciding column is covered by, with blanks between. #}
{% macro policies_of(dataset, column, spelled=false) -%}
    concat_ws(
        ' '
        {%- for reading in readings(column, spelled) %}
        , {{ dataset }}.class_{{ column }}({{ reading }})
        {%- endfor %}
    )
{%- endmacro %}

{# Whether some reading of it says nothing, or what nobody classified. #}
{% macro is_unclassified(dataset, column, spelled=false) -%}
    (
        {%- for reading in readings(column, spelled) %}
        {{ 'or ' if not loop.first }}{{ dataset }}.class_{{ column }}({{ reading }}) is null
        {%- endfor %}
    )
{%- endmacro %}

{# The name of such a column, where the extract says anything in it at all. #}
{% macro unclassified(dataset, column) -%}
    case
        when _is_unclassified_{{ column }} and {{ dataset }}.is_asked_{{ column }}(_extract_id)
            then '{{ column }}'
    end
{%- endmacro %}

{# What the scan found in a cell as read or standardized, with the name of its column; or null. #}
{% macro persons_in(dataset, column) -%}
    '{{ column }}: ' || coalesce(
        {{ dataset }}.persons_in_{{ column }}({{ column }}__read),
        {{ dataset }}.persons_in_{{ column }}({{ column }})
    )
{%- endmacro %}
