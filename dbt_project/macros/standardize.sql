{#
    Standardizing, one rule at a time and every change explained.

    A step is {rule, when, then}: where `when` holds for the cell as read, its value becomes `then`,
    because of `rule`. The first step that holds is the one. Both speak of the cell as read, under
    the name `<column>__read`; of a list, each part by itself (`lists.sql`).
#}

{# Without blanks of any kind at either end; U+FFA0 is a no-break space that was read wrongly. #}
{% macro trimmed(column) -%}
    nullif(trim(
        {{ column }},
        ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(65440)
    ), '')
{%- endmacro %}

{#
    The same for a column whose cells are nearly all different. Most have no blanks to take off, and
    comparing both ends is four times as fast; where few values repeat, DuckDB trims each value once,
    and this would stop it.
#}
{% macro trimmed_one_by_one(column) -%}
    case
        when {{ column }} >= '!' and {{ column }} < chr(127) and {{ column }}[-1] between '!' and '~'
            then {{ column }}
        else {{ trimmed(column) }}
    end
{%- endmacro %}

{% macro collapsed(column) -%}
    regexp_replace({{ column }}, '[\s\x{A0}\x{FFA0}]+', ' ', 'g')
{%- endmacro %}

{# The declared parse of a cell: trimmed ends, the places of a list, and the type of its column. #}
{% macro parsed(column) -%}
    {%- set text = trimmed(column['name']) -%}
    {%- if column['type'] in ('timestamp', 'date') -%}
        {%- set text = trimmed_one_by_one(column['name']) -%}
        {#- A time has the whole form of its format: strptime alone reads 11/26/26 as the year 26. -#}
        case
            {%- for read in column['formats'] %}
            when regexp_full_match({{ text }}, '{{ read['form'] }}')
                then try_strptime({{ text }}, '{{ read['format'] }}')
            {%- endfor %}
        end
        {%- if column['type'] == 'date' -%}::date{%- endif -%}
    {%- elif column['type'] == 'number' -%}
        try_cast({{ text }} as double)
    {%- elif column['type'] == 'boolean' -%}
        case
            when upper({{ text }}) in ('Y', 'YES', 'TRUE') then true
            when upper({{ text }}) in ('N', 'NO', 'FALSE') then false
        end
    {%- elif column['type'] == 'text' -%}
        {{ before_spreadsheet(column['name'] ~ '__cell') }}
    {%- else -%}
        {{ text }}
    {%- endif -%}
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

{# That step for every text column of a dataset; more steps of a column come after it. #}
{% macro null_words(id, more={}) %}
    {%- set steps = {} -%}
    {%- for column in dataset(id)['columns'] if column['landed'] and column['type'] == 'text' -%}
        {%- do steps.update({column['name']: [null_word(column['name'])] + more.get(column['name'], [])}) -%}
    {%- endfor -%}
    {%- for name, added in more.items() if name not in steps -%}
        {%- do steps.update({name: added}) -%}
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

{#
    A base model: every landed column of a dataset, as read (`x__read`) and standardized (`x`).
    `_changes` says of each cell that may change what changed it, or null; `_unparsed` names the
    columns whose text is no value of their type: nothing becomes null in silence; `_mangled` those
    that hold what a spreadsheet left (`spreadsheets.sql`). The column that `address` names goes two steps further (`addresses.sql`), each explained by itself.
#}
{% macro standardized(id, relation, steps={}, address=none) %}
    {%- set landed = dataset(id)['columns'] | selectattr('landed') | list %}
    {%- set texts = landed | selectattr('type', 'equalto', 'text') | list %}
    {%- set written = landed | selectattr('type', 'in', ('text', 'point')) | list %}
    {%- set rules = {} %}
    {%- set lists = {} %}
    {%- for column in landed %}
        {%- set name = column['name'] %}
        {%- set last = [collapsed_blanks(name)] if column['type'] == 'text' else [] %}
        {%- do rules.update({name: steps.get(name, []) + last}) %}
        {%- do lists.update({name: column if column['list']}) %}
    {%- endfor %}
with source as (
    select * from {{ relation }}
),

{#- Here and not where they are used: within a case DuckDB would trim a cell once per use. #}

trimmed as (
    select
        *
        {%- for column in texts %}
        {%- set cell = trimmed(column['name']) %}
        , {{ list_read(column, cell) if column['list'] else cell }} as {{ column['name'] }}__cell
        {%- endfor %}
    from source
),

as_read as (
    select
        _extract_id,
        _line,
        _extracted_at,
        _grain,
        _parse_error,
        {%- for column in landed %}
        {{ parsed(column) }} as {{ column['name'] }}__read,
        {%- endfor %}
        nullif(concat_ws(
            ', '
            {%- for column in landed if column['type'] not in ('text', 'point') %}
            , case
                when {{ parsed(column) }} is null and {{ trimmed(column['name']) }} is not null
                    then '{{ column['name'] }}'
            end
            {%- endfor %}
        ), '') as _unparsed
        {%- for column in texts %}
        , {{ column['name'] }}__cell
        {%- endfor %}
    from trimmed
),

standardized as (
    select
        *
        {%- for column in landed %}
        {%- set name = column['name'] %}
        {%- set made = name ~ '__block' if name == address else name %}
        {%- if column['list'] %}
        , {{ list_stepped(column, rules[name]) }} as {{ made }}
        {%- elif rules[name] %}
        , case
            {%- for step in rules[name] %}
            when {{ step['when'] }} then {{ step['then'] }}
            {%- endfor %}
            else {{ name }}__read
        end as {{ made }}
        {%- else %}
        , {{ name }}__read as {{ made }}
        {%- endif %}
        {%- endfor %}
    from as_read
),
{% if address in rules %}
{{ addressed('standardized', address) }}
{% endif %}
explained as (
    select
        *
        {%- for column in texts %}{{ ' exclude (' if loop.first }}{{ column['name'] }}__cell{{ ')' if loop.last else ', ' }}{% endfor %},
        nullif(concat_ws(
            ', ',
            {{ holding_no_text(written | map(attribute='name') | list) }}
            {%- for column in written %}
            {%- set name = column['name'] %}
            , case when {{ is_mangled(name ~ '__read', name) }} then '{{ name }}' end
            {%- endfor %}
        ), '') as _mangled,
        {{ undone_spreadsheet(texts | map(attribute='name') | list) }} || [
            {%- for name, steps in rules.items() if steps %}
            {%- if lists[name] %}
            {{ change(name, steps, of_list=lists[name]) }}
            {%- elif name == address %}
            {{ change(name, steps, after=name ~ '__block') }},
            {{ change(name, [street_form(name)], before=name ~ '__block', after=name ~ '__named') }},
            {{ change(name, [street_order(name)], before=name ~ '__named') }}
            {%- else %}
            {{ change(name, steps) }}
            {%- endif %}{{ ',' if not loop.last }}
            {%- endfor %}
        ]::struct(column_name varchar, rule_id varchar, from_value varchar, to_value varchar)[]
            as _changes
    from {{ 'addressed' if address in rules else 'standardized' }}
)

select * from explained
{% endmacro %}

{# What changed a cell, why, from what and to what; null where nothing did. #}
{% macro change(column, steps, before=none, after=none, of_list=none) -%}
    {%- set read = before or column ~ '__read' -%}
    {%- set made = after or column -%}
    case
        when {{ made }} is distinct from {{ read }} then struct_pack(
            column_name := '{{ column }}',
            rule_id := case
                {%- for step in steps %}
                when {{ list_holds(of_list, step) if of_list else step['when'] }}
                    then '{{ step['rule'] }}'
                {%- endfor %}
            end,
            from_value := {{ read }}::varchar,
            to_value := {{ made }}::varchar
        )
    end
{%- endmacro %}
