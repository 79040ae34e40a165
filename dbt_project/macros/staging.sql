{#
    A staging model, `shifted_at` being made before it is built: the standardized columns of its base, every raw line, in the order it came, and in
    `_changes` what standardizing and a corrected misspelling did to its cells.
#}
{% macro staged(id, base, derived={}) %}
    {%- set spelled = columns_of(id, spelled=true) %}
with base as (
    select * from {{ base }}
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
        shifted_at(_extract_id, _line) as _shifted
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
    from base
)

select * from staged
{% endmacro %}

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
