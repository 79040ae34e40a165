{#
    A staging model: the standardized columns of its base, every raw line in the order of the extracts,
    and in `_changes` what standardizing and a corrected misspelling did to its cells.

    `_policies` are the policies that cover the line by a deciding column as read, as standardized or
    as corrected; `_unclassified` names the deciding columns that say nothing, or something that nobody
    classified; `_persons` says in which columns something personal was found. The functions that this
    asks for are made before the model is built, by `orchestration/steps/modelled_layer.py`.
#}
{% macro staged(id, base, derived={}) %}
    {%- set spelled = columns_of(id, spelled=true) %}
    {%- set deciding = dataset(id).get('deciding', []) %}
with base as (
    select * from {{ base }}
),
{% if deciding %}
classified as (
    select
        *
        {%- for name in deciding %}
        {%- set readings = classes_of(id, name, derived) %}
        , concat_ws(' ', {{ readings | join(', ') }}) as _policies_{{ name }}
        , {{ readings | join(' is null or ') }} is null as _is_unknown_{{ name }}
        {%- endfor %}
    from base
),
{% endif %}
staged as (
    select
        _extract_id,
        _line,
        _extracted_at,
        _grain,
        _parse_error,
        _unparsed,
        _mangled,
        shifted_at(_extract_id, _line) as _shifted,
        {{ persons(id) }} as _persons,
        {%- if deciding %}
        {{ covering_policies(deciding) }} as _policies,
        nullif(concat_ws(
            ', '
            {%- for name in deciding %}
            , case
                when _is_unknown_{{ name }} and is_asked_{{ name }}(_extract_id) then '{{ name }}'
            end
            {%- endfor %}
        ), '') as _unclassified
        {%- else %}
        null::varchar as _policies,
        null::varchar as _unclassified
        {%- endif %}
        {%- if lists_together(id) %}
        , {{ uneven_lists(id, derived) }} as _uneven
        {%- elif model is defined and '_uneven' in model['columns'] %}
        , null::varchar as _uneven
        {%- endif %}
        {%- for name in columns_of(id) %}
        , {{ cell(id, name, derived) }} as {{ name }}
        {%- endfor %}
        , list_filter(
            {%- if spelled %}
            _changes || [
                {%- for name in spelled %}
                case
                    when spelled_{{ name }}({{ name }}) <> {{ name }} then struct_pack(
                        column_name := '{{ name }}',
                        rule_id := spelling_rule_{{ name }}({{ name }}),
                        from_value := {{ name }},
                        to_value := spelled_{{ name }}({{ name }})
                    )
                end{{ ',' if not loop.last }}
                {%- endfor %}
            ]
            {%- else %}
            _changes
            {%- endif %}, lambda change: change is not null
        ) as _changes
    from {{ 'classified' if deciding else 'base' }}
)

select * from staged
{% endmacro %}

{# The classes of a deciding cell as read, as standardized and as corrected. #}
{% macro classes_of(id, name, derived) -%}
    {%- set readings = [name ~ '__read', name, cell(id, name, derived)] -%}
    {%- set classes = [] -%}
    {%- for reading in readings -%}
        {%- do classes.append('class_' ~ name ~ '(' ~ reading ~ ')') -%}
    {%- endfor -%}
    {{ return(classes | unique | list) }}
{%- endmacro %}

{# Every policy that a class of a line names, each once and in order; null for most lines. #}
{% macro covering_policies(deciding) -%}
    {%- set policies = "trim(concat_ws(' ', _policies_" ~ deciding | join(', _policies_') ~ "))" -%}
    case
        when {{ policies }} <> '' then array_to_string(
            list_sort(list_distinct(string_split_regex({{ policies }}, ' +'))), ' '
        )
    end
{%- endmacro %}

{#
    What the scan found in a line's cells, as read or standardized: `column: kind, kind; column: kind`,
    or null.
#}
{% macro persons(id) -%}
    nullif(concat_ws(
        '; '
        {%- for name in columns_of(id, scanned=true) %}
        , '{{ name }}: ' || coalesce(persons_in_{{ name }}({{ name }}__read), persons_in_{{ name }}({{ name }}))
        {%- endfor %}
    ), '')
{%- endmacro %}

{# What a staging model shows of a column; `spelled_<column>` is made before it is built. #}
{% macro cell(id, name, derived) -%}
    {%- if name in derived -%}
        {{ derived[name] }}
    {%- elif name in columns_of(id, spelled=true) -%}
        spelled_{{ name }}({{ name }})
    {%- else -%}
        {{ name }}
    {%- endif -%}
{%- endmacro %}

{#
    One row per cell that standardizing or a corrected misspelling changed: line, column, rule, from,
    to. Every change is here, whatever the fate of its line. Read off the staging model: working them
    out once more costs as much as the model itself.
#}
{% macro corrected_cells(staged) %}
with staged as (
    select * from {{ staged }}
),

changed as (
    select
        _extract_id,
        _line,
        unnest(_changes) as change
    from staged
)

select
    _extract_id,
    _line,
    change.column_name,
    change.rule_id,
    change.from_value,
    change.to_value
from changed
{% endmacro %}
