{#
    What a spreadsheet does to text on its way through, undone before any other step sees the cell
    where only one text can have been there, and named where not: nothing of it is published.

    `text` is a trimmed cell of a text column.
#}

{# Excel's guards that keep a text from becoming a number: '21 and ="21". A quotation is none. #}
{% macro is_guarded(text) -%}
    case
        when {{ text }} >= '''' and {{ text }} < '('
            then regexp_full_match({{ text }}, '''|''[0-9A-Za-z+=@(-]([^'']|''[A-Za-z])*', 's')
        when {{ text }} >= '=' and {{ text }} < '>'
            then regexp_full_match({{ text }}, '="[^"]*"', 's')
        else false
    end
{%- endmacro %}

{# A code that became a number with decimals: 21.0, also in a list. #}
{% macro is_whole_number(text) -%}
    case
        when contains({{ text }}, '.0')
            then regexp_full_match(
                {{ text }}, ' *-?[0-9]+(\.0+)? *(\| *(-?[0-9]+(\.0+)? *)?)*'
            )
        else false
    end
{%- endmacro %}

{# The text before a spreadsheet had it. #}
{% macro before_spreadsheet(text) -%}
    case
        when {{ is_guarded(text) }} then {{ trimmed(
            "case when " ~ text ~ " >= '=' then " ~ text ~ "[3:-2] else " ~ text ~ "[2:] end"
        ) }}
        when {{ is_whole_number(text) }} then regexp_replace({{ text }}, '\.0+', '', 'g')
        else {{ text }}
    end
{%- endmacro %}

{# What that changed in the text columns of a line, as a list of changes. #}
{% macro undone_spreadsheet(columns) -%}
    case
        when false
            {%- for column in columns %}
            {%- set text = trimmed(column['name']) %}
            or {{ is_guarded(text) }} or {{ is_whole_number(text) }}
            {%- endfor %}
            then [
                {%- for column in columns %}
                {%- set text = trimmed(column['name']) %}
                case
                    when {{ is_guarded(text) }} or {{ is_whole_number(text) }} then struct_pack(
                        column_name := '{{ column['name'] }}',
                        rule_id := case
                            when {{ is_guarded(text) }} then 'text_guard_removed'
                            else 'whole_number_is_code'
                        end,
                        from_value := {{ text }},
                        to_value := {{ before_spreadsheet(text) }}
                    )
                end{{ ',' if not loop.last }}
                {%- endfor %}
            ]
        else []
    end::struct(column_name varchar, rule_id varchar, from_value varchar, to_value varchar)[]
{%- endmacro %}

{#
    Whether a cell still holds what is no value of any column: an error such as #N/A, also in a list,
    or a character that is no text, as it was read; a formula, a rounded number or a guard, after
    every step.
#}
{% macro is_mangled(read, made) -%}
    case
        when contains({{ read }}, '#')
            and regexp_matches({{ read }}, '{{ spreadsheet_error() }}') then true
        when regexp_matches({{ read }}, '^\s*[Ee]rr:5[0-9][0-9]\s*$') then true
        when contains({{ read }}, chr(0)) then true
        when {{ made }} < '>'
            then regexp_full_match({{ made }}, '{{ mangled_text() }}', 's')
        else false
    end
{%- endmacro %}

{# Errors of spreadsheets, whatever their language: #N/A, #REF!, #NAME?, a column too narrow. #}
{% macro spreadsheet_error() -%}
    (?i)(^|[|;,])\s*(#(N/A( N/A)?|NV|GETTING_DATA|[^\s|;,]{2,20}[!?])|#{3,})\s*($|[|;,])
{%- endmacro %}

{# A formula, a number as 2.0E+11 that lost its digits, what is left of a guard. #}
{% macro mangled_text() -%}
    =[A-Za-z0-9"(+@$''-].*|[+-]?[0-9](\.[0-9]+)?[Ee][+-][0-9]+|''\S*
{%- endmacro %}
