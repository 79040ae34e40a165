{#
    What a spreadsheet does to text on its way through, undone before any other step sees the cell
    where only one text can have been there, and named where not: nothing of it is published.

    `text` is a trimmed cell of a text column.
#}

{# Whether a cell can be any of it at all: looked at for every cell, so it must be quick. #}
{% macro may_be_of_a_spreadsheet(text) -%}
    ({{ text }} >= '''' and {{ text }} < '(')
        or ({{ text }} >= '=' and {{ text }} < '>')
        or contains({{ text }}, '.0')
{%- endmacro %}

{# Excel's guards that keep a text from becoming a number: '21 and ="21". A quotation is none. #}
{% macro is_guarded(text) -%}
    regexp_full_match({{ text }}, '''|''[0-9A-Za-z+=@(-]([^'']|''[A-Za-z])*|="[^"]*"', 's')
{%- endmacro %}

{# The text before a spreadsheet had it: without a guard, and 21 for 21.0, also in a list. #}
{% macro before_spreadsheet(text) -%}
    case
        when not coalesce({{ may_be_of_a_spreadsheet(text) }}, false) then {{ text }}
        when {{ is_guarded(text) }} then {{ trimmed(
            "case when " ~ text ~ " >= '=' then " ~ text ~ "[3:-2] else " ~ text ~ "[2:] end"
        ) }}
        when regexp_full_match({{ text }}, ' *-?[0-9]+(\.0+)? *(\| *(-?[0-9]+(\.0+)? *)?)*')
            then regexp_replace({{ text }}, '\.0+', '', 'g')
        else {{ text }}
    end
{%- endmacro %}

{# What that changed in the text columns of a line, as a list of changes. #}
{% macro undone_spreadsheet(names) -%}
    case
        when false
            {%- for name in names %}
            or {{ name }}__cell is distinct from {{ name }}__read
            {%- endfor %}
            then [
                {%- for name in names %}
                case
                    when {{ name }}__cell is distinct from {{ name }}__read then struct_pack(
                        column_name := '{{ name }}',
                        rule_id := case
                            when {{ is_guarded(name ~ '__cell') }} then 'text_guard_removed'
                            else 'whole_number_is_code'
                        end,
                        from_value := {{ name }}__cell,
                        to_value := {{ name }}__read
                    )
                end{{ ',' if not loop.last }}
                {%- endfor %}
            ]
        else []
    end::struct(column_name varchar, rule_id varchar, from_value varchar, to_value varchar)[]
{%- endmacro %}

{# The columns of a line that hold such a sign; all cells are looked at in one, as few have any. #}
{% macro holding_no_text(names) -%}
    {%- if not names -%}
    null::varchar
    {%- else -%}
    case
        when regexp_matches(concat_ws(' '
            {%- for name in names %}, {{ name }}__read{% endfor %}), '{{ no_text() }}')
            then nullif(concat_ws(
                ', '
                {%- for name in names %}
                , case when regexp_matches({{ name }}__read, '{{ no_text() }}') then '{{ name }}' end
                {%- endfor %}
            ), '')
    end
    {%- endif -%}
{%- endmacro %}

{#
    Whether a cell still holds what is no value of any column: an error such as #N/A, also in a list,
    as it was read; a formula, a rounded number or a guard, after every step. The quick looks before
    the expressions spare nearly every cell.
#}
{% macro is_mangled(read, made) -%}
    case
        when contains({{ read }}, '#')
            and regexp_matches({{ read }}, '{{ spreadsheet_error() }}') then true
        when {{ read }} >= 'E' and {{ read }} < 'f' and starts_with(upper({{ read }}), 'ERR:5')
            then length({{ read }}) = 7
        when {{ made }} >= '=' and {{ made }} < '>'
            then regexp_matches({{ made }}, '^=[A-Za-z0-9"(+@$''-]')
        when {{ made }} >= '''' and {{ made }} < '('
            then regexp_full_match({{ made }}, '''\S*')
        when {{ made }} >= '+' and {{ made }} < ':'
            and (contains({{ made }}, '+') or contains({{ made }}, '-'))
            then regexp_full_match({{ made }}, '[+-]?[0-9](\.[0-9]+)?[Ee][+-][0-9]+')
        else false
    end
{%- endmacro %}

{# Errors of spreadsheets, whatever their language: #N/A, #REF!, #NAME?, a column too narrow. #}
{% macro spreadsheet_error() -%}
    (?i)(^|[|;,])\s*(#(N/A( N/A)?|NV|GETTING_DATA|[^\s|;,]{2,20}[!?])|#{3,})\s*($|[|;,])
{%- endmacro %}

{# The columns of a line that hold a sign that is no text, or what a spreadsheet left of one. #}
{% macro mangled(columns) -%}
    nullif(concat_ws(
        ', ',
        {{ holding_no_text(columns) }}
        {%- for name in columns %}
        , case when {{ is_mangled(name ~ '__read', name) }} then '{{ name }}' end
        {%- endfor %}
    ), '')
{%- endmacro %}
