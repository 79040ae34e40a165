{#
    Standardizing, one rule at a time and every change explained.

    A step is {rule, when, then}: where `when` holds for the cell as read, its value becomes `then`,
    because of `rule`. The first step that holds is the one. Both speak of the cell as read, under
    the name `<column>__read`.
#}

{% macro trimmed(column) -%}
    nullif(trim(
        {{ column }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)
    ), '')
{%- endmacro %}

{% macro collapsed(column) -%}
    regexp_replace({{ column }}, '[\s\x{00A0}]+', ' ', 'g')
{%- endmacro %}

{# The declared parse of a cell: trimmed ends, and the type of its column. #}
{% macro parsed(column) -%}
    {%- set text = trimmed(column['name']) -%}
    {%- if column['type'] in ('timestamp', 'date') -%}
        {%- set formats = [] -%}
        {%- for format in column['formats'] -%}
            {%- do formats.append("'" ~ format ~ "'") -%}
        {%- endfor -%}
        try_strptime({{ text }}, [{{ formats | join(', ') }}])
        {%- if column['type'] == 'date' -%}::date{%- endif -%}
    {%- elif column['type'] == 'number' -%}
        try_cast({{ text }} as double)
    {%- elif column['type'] == 'boolean' -%}
        case
            when upper({{ text }}) in ('Y', 'YES', 'TRUE') then true
            when upper({{ text }}) in ('N', 'NO', 'FALSE') then false
        end
    {%- else -%}
        {{ text }}
    {%- endif -%}
{%- endmacro %}

{# A word that stands for nothing, written where nothing was known. #}
{% macro null_word(column) -%}
    {{ return({
        'rule': 'null_word_is_null',
        'when': "upper(" ~ column ~ "__read) in ('NONE', 'NULL', 'N/A', 'NAN')",
        'then': 'null',
    }) }}
{%- endmacro %}

{# Excel took a code such as 1E01 for a number and wrote 1.00E+01. #}
{% macro excel_code(column) -%}
    {{ return({
        'rule': 'excel_number_is_code',
        'when': "regexp_full_match(" ~ column ~ "__read, '[1-9]\\.0+E\\+[0-9]{2}')",
        'then': "left(" ~ column ~ "__read, 1) || 'E' || right(" ~ column ~ "__read, 2)",
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

{#
    A street address at the level of its block: 7723 Hampson St is 077XX Hampson St, and so is
    7723-25, 7723 1/2, 7723A or 7723 & 7725. What tells the homes of a house apart (A before the
    street, APT 5, # 5, REAR) goes too. A letter that may be a direction (7723N ROMAN ST) is not
    guessed at. Intersections have no house number and stay; other numbers are for a rule to stop.
#}
{% macro street_block(column, rule) -%}
    {%- set text = collapsed(column ~ '__read') -%}
    {%- set others = "((-| - | & | ?/ ?|, ?| and )[0-9]{1,5})*( ?-?[0-9]/[0-9]| ?½)?" -%}
    {%- set letter = "(-?[a-df-mo-rt-vx-z])? ([a-c] ([a-z]{2,} [a-z]))?" -%}
    {%- set house = "(?i)^[1-9][0-9]{0,4}" ~ others ~ letter ~ "((blk|block) (of )?)?" -%}
    {%- set unit = " (apt|apartment|unit|ste|suite|room|rm|lot|bldg|building|trailer|fl|floor)" -%}
    {%- set home = "(?i)(,?(" ~ unit ~ "(\\.? ?#? ?[0-9]+[a-z]?|[. ]+#? ?[0-9a-z-]+)| ?# ?[0-9a-z-]+"
        ~ "| [0-9]+(st|nd|rd|th) floor| (rear|front|upper|lower|upstairs|downstairs)))+$" -%}
    {%- set number = "try_cast(regexp_extract(" ~ text ~ ", '^[0-9]+') as integer)" -%}
    {%- set block = "lpad((" ~ number ~ " // 100)::varchar, 3, '0')" -%}
    {%- set street = "regexp_replace(" ~ text ~ ", '" ~ house ~ "', '\\6')" -%}
    {{ return({
        'rule': rule,
        'when': "regexp_matches(" ~ text ~ ", '" ~ house ~ "[0-9a-z].*[a-z]')",
        'then': block ~ " || 'XX ' || regexp_replace(" ~ street ~ ", '" ~ home ~ "', '')",
    }) }}
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
    columns whose text is no value of their type: nothing becomes null in silence.
#}
{% macro standardized(id, relation, steps={}) %}
    {%- set landed = dataset(id)['columns'] | selectattr('landed') | list %}
    {%- set rules = {} %}
    {%- for column in landed %}
        {%- set name = column['name'] %}
        {%- set last = [collapsed_blanks(name)] if column['type'] == 'text' else [] %}
        {%- do rules.update({name: steps.get(name, []) + last}) %}
    {%- endfor %}
with source as (
    select * from {{ relation }}
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
                when {{ trimmed(column['name']) }} is not null and {{ parsed(column) }} is null
                    then '{{ column['name'] }}'
            end
            {%- endfor %}
        ), '') as _unparsed
    from source
),

standardized as (
    select
        *
        {%- for column in landed %}
        {%- set name = column['name'] %}
        {%- if rules[name] %}
        , case
            {%- for step in rules[name] %}
            when {{ step['when'] }} then {{ step['then'] }}
            {%- endfor %}
            else {{ name }}__read
        end as {{ name }}
        {%- else %}
        , {{ name }}__read as {{ name }}
        {%- endif %}
        {%- endfor %}
    from as_read
),

explained as (
    select
        *,
        [
            {%- for name, steps in rules.items() if steps %}
            {{ change(name, steps) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ]::struct(column_name varchar, rule_id varchar, from_value varchar, to_value varchar)[]
            as _changes
    from standardized
)

select * from explained
{% endmacro %}

{# What changed a cell, why, from what and to what; null where nothing did. #}
{% macro change(column, steps) -%}
    case
        when {{ column }} is distinct from {{ column }}__read then struct_pack(
            column_name := '{{ column }}',
            rule_id := case
                {%- for step in steps %}
                when {{ step['when'] }} then '{{ step['rule'] }}'
                {%- endfor %}
            end,
            from_value := {{ column }}__read::varchar,
            to_value := {{ column }}::varchar
        )
    end
{%- endmacro %}
