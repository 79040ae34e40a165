{#
    Standardizing, one rule at a time and every change explained.

    A step is {rule, when, then}: where `when` holds for the cell as read, its value becomes `then`,
    because of `rule`. The first step that holds is the one. Both speak of the cell as read, under
    the name `<column>__read`; of a list, each part by itself (`lists.sql`).
#}

{#
    Without blanks of any kind at either end; U+FFA0 is a no-break space that was read wrongly. One literal:
    put together from `chr()`, the blanks of two hundred cells took DuckDB 0.3 s to plan.
#}
{% macro trimmed(column) -%}
    nullif(trim({{ column }}, e' \t\n\x0b\x0c\r{{ "\u00a0\uffa0" }}'), '')
{%- endmacro %}

{#
    The same for a column whose cells are nearly all different. Most have no blanks to take off, and
    comparing both ends is four times as fast; where few values repeat, DuckDB trims each value once,
    and this would stop it.
#}
{% macro trimmed_one_by_one(column) -%}
    case
        when {{ column }} >= '!' and {{ column }} < e'\x7f' and {{ column }}[-1] between '!' and '~'
            then {{ column }}
        else {{ trimmed(column) }}
    end
{%- endmacro %}

{% macro collapsed(column) -%}
    regexp_replace({{ column }}, '[\s\x{A0}\x{FFA0}]+', ' ', 'g')
{%- endmacro %}

{# A time has the whole form of its format: strptime alone reads 11/26/26 as the year 26. #}
{% macro read_time(column, formats) -%}
    case
        {%- for format, form in formats %}
        when regexp_full_match({{ trimmed_one_by_one(column) }}, '{{ form }}')
            then try_strptime({{ trimmed_one_by_one(column) }}, '{{ format }}')
        {%- endfor %}
    end
{%- endmacro %}

{# The same for a column of days. #}
{% macro read_date(column, formats) -%}
    {{ read_time(column, formats) }}::date
{%- endmacro %}

{% macro read_number(column) -%}
    try_cast({{ trimmed(column) }} as double)
{%- endmacro %}

{% macro read_boolean(column) -%}
    case
        when upper({{ trimmed(column) }}) in ('Y', 'YES', 'TRUE') then true
        when upper({{ trimmed(column) }}) in ('N', 'NO', 'FALSE') then false
    end
{%- endmacro %}

{#
    The columns whose text is no value of their type, by name: nothing becomes null in silence. Both
    names of a cell are of one select: the text, and what was read of it.
#}
{% macro unparsed(columns) -%}
    nullif(concat_ws(
        ', '
        {%- for name in columns %}
        , case
            when {{ name }}__read is null and {{ trimmed(name) }} is not null then '{{ name }}'
        end
        {%- endfor %}
    ), '')
{%- endmacro %}

{# A word that stands for nothing, written where nothing was known. #}
{% macro null_word(column) -%}
    {{ return({
        'rule': 'null_word_is_null',
        'when': "case when length(" ~ column ~ "__read) < 5 then upper(" ~ column
            ~ "__read) in ('NONE', 'NULL', 'N/A', 'NAN') else false end",
        'then': 'null',
    }) }}
{% endmacro %}

{# That step for every one of some columns; more steps of a column come after it. #}
{% macro null_words(columns, more={}) %}
    {%- set steps = dict(more) -%}
    {%- for name in columns -%}
        {%- do steps.update({name: [null_word(name)] + more.get(name, [])}) -%}
    {%- endfor -%}
    {{ return(steps) }}
{% endmacro %}

{# An age of 0 or -1 is the source's way to write that nobody knew it. #}
{% macro unknown_age(column) -%}
    {{ return(blank_where(column, 'unknown_age_is_null', column ~ '__read in (0, -1)')) }}
{%- endmacro %}

{# The same in a list of ages. #}
{% macro unknown_ages(column) -%}
    {{ return(blank_where(column, 'unknown_age_is_null', column ~ "__read in ('0', '-1')")) }}
{%- endmacro %}

{# A model year such as 2202 or 0 is no year; what is no number is left for a rule. #}
{% macro impossible_year(column) -%}
    {%- set year = "try_cast(" ~ column ~ "__read as integer)" -%}
    {{ return(blank_where(
        column, 'impossible_year_is_null', year ~ " = 0 or " ~ year ~ " between 2050 and 9999"
    )) }}
{%- endmacro %}

{#
    Excel took a code such as 1E01 for a number and wrote 1.00E+01, or ten. Ten is the code only where
    the column `witness` says the code's first character, too.
#}
{% macro excel_code(column, witness) -%}
    {%- set cell = column ~ "__read" -%}
    {%- set shown = "regexp_full_match(" ~ cell ~ ", '[1-9](\\.0+)?[Ee]\\+[0-9]{1,2}')" -%}
    {%- set plain = "(regexp_full_match(" ~ cell ~ ", '[1-9]0{1,14}') and left(" ~ cell ~ ", 1) = "
        ~ witness ~ "__read)" -%}
    {%- set zeros = "case when contains(" ~ cell ~ ", '+') then regexp_extract(" ~ cell
        ~ ", '[0-9]+$') else (length(" ~ cell ~ ") - 1)::varchar end" -%}
    {{ return({
        'rule': 'excel_number_is_code',
        'when': shown ~ " or coalesce(" ~ plain ~ ", false)",
        'then': "left(" ~ cell ~ ", 1) || 'E' || lpad(" ~ zeros ~ ", 2, '0')",
    }) }}
{%- endmacro %}

{% macro upper_case(column) -%}
    {%- set value = "upper(" ~ collapsed(column ~ '__read') ~ ")" -%}
    {{ return({
        'rule': 'upper_case',
        'when': "upper(" ~ column ~ "__read) <> " ~ column ~ "__read",
        'then': value,
    }) }}
{%- endmacro %}

{% macro collapsed_blanks(column) -%}
    {%- set value = collapsed(column ~ '__read') -%}
    {{ return({
        'rule': 'blanks_collapsed',
        'when': value ~ " <> " ~ column ~ "__read",
        'then': value,
    }) }}
{%- endmacro %}

{% macro blank_where(column, rule, condition) -%}
    {{ return({'rule': rule, 'when': condition, 'then': 'null'}) }}
{%- endmacro %}

{# Degrees to so many decimals: three are about 100 m. What is no degree is left for a rule. #}
{% macro rounded_degrees(column, decimals, rule) -%}
    {%- set value = "round(" ~ column ~ "__read, " ~ decimals ~ ")" -%}
    {{ return({
        'rule': rule,
        'when': value ~ " <> " ~ column ~ "__read and abs(" ~ column ~ "__read) <= 180",
        'then': value,
    }) }}
{%- endmacro %}

{# Latitude 0 with longitude 0 is a place in the ocean, and means that there is none. #}
{% macro zero_point(latitude, longitude) -%}
    {{ return(blank_where(
        'place', 'zero_coordinates_blank', latitude ~ '__read = 0 and ' ~ longitude ~ '__read = 0'
    )) }}
{%- endmacro %}

{# What is done by hand to the cells of a dataset (`macros/steps/<id>.sql`); nothing where there is no file. #}
{% macro steps_of(dataset, texts, deciding) %}
    {%- set by_hand = context.get('steps_of_' ~ dataset) -%}
    {{ return(by_hand(texts=texts, deciding=deciding) if by_hand else {}) }}
{% endmacro %}

{#
    The steps of a dataset's columns, in the order of its file: those of `macros/steps/`, a place at its
    block, and blanks collapsed last in every text.
#}
{% macro all_steps(columns, texts, own={}, place=none) %}
    {%- set steps = {} -%}
    {%- for name in columns -%}
        {%- set of_place = block_steps(name) if name == place and name not in own else [] -%}
        {%- set last = [collapsed_blanks(name)] if name in texts else [] -%}
        {%- do steps.update({name: own.get(name, of_place) + last}) -%}
    {%- endfor -%}
    {{ return(steps) }}
{% endmacro %}

{# A cell after the first of its steps that holds; of a list, each part by itself. #}
{% macro stepped(column, steps, lists={}) -%}
    {%- if column in lists -%}
        {{ list_stepped(column, steps[column], lists[column]) }}
    {%- elif steps[column] -%}
        case
            {%- for step in steps[column] %}
            when {{ step['when'] }} then {{ step['then'] }}
            {%- endfor %}
            else {{ column }}__read
        end
    {%- else -%}
        {{ column }}__read
    {%- endif -%}
{%- endmacro %}

{#
    What changed the cells of a line: an entry per cell that may change, or null. An address goes two
    steps further than the others (`addresses.sql`), each explained by itself.
#}
{% macro changes(steps, lists={}, address=none) -%}
    [
        {%- for name, own in steps.items() if own %}
        {%- if name in lists %}
        {{ change(name, own, of_list=lists[name]) }}
        {%- elif name == address %}
        {{ change(name, own, after=name ~ '__block') }},
        {{ change(name, [street_form(name)], before=name ~ '__block', after=name ~ '__named') }},
        {{ change(name, [street_order(name)], before=name ~ '__named') }}
        {%- else %}
        {{ change(name, own) }}
        {%- endif %}{{ ',' if not loop.last }}
        {%- endfor %}
    ]::struct(column_name varchar, rule_id varchar, from_value varchar, to_value varchar)[]
{%- endmacro %}

{# What changed a cell, why, from what and to what; null where nothing did. #}
{% macro change(column, steps, before=none, after=none, of_list=none) -%}
    {%- set read = before or column ~ '__read' -%}
    {%- set made = after or column -%}
    case
        when {{ made }} is distinct from {{ read }} then struct_pack(
            column_name := '{{ column }}',
            rule_id := case
                {%- for step in steps %}
                when {{ list_holds(column, step, of_list) if of_list else step['when'] }}
                    then '{{ step['rule'] }}'
                {%- endfor %}
            end,
            from_value := {{ read }}::varchar,
            to_value := {{ made }}::varchar
        )
    end
{%- endmacro %}

{# The same for a misspelling: the functions are made from what was suspected and decided. #}
{% macro respelled(dataset, column) -%}
    case
        when {{ column }}__spelled <> {{ column }} then struct_pack(
            column_name := '{{ column }}',
            rule_id := {{ dataset }}.spelling_rule_{{ column }}({{ column }}),
            from_value := {{ column }},
            to_value := {{ column }}__spelled
        )
    end
{%- endmacro %}
