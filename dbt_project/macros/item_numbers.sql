{#
    Item numbers as people type them: a month letter A to L, five digits of sequence, two of the year.

    Repaired where there is only one number that can be meant: marks and blanks between the parts,
    a 1 for the letter I, a signal code before it, a note behind it, the year said twice. Everything
    else is left as it was read, for a rule to stop: four or six digits, a year to come, another
    letter, a number of another agency, two numbers in one cell.
#}
{% macro repaired_item_number(column) -%}
    {%- set cell = "upper(" ~ column ~ "__read)" -%}
    {%- set mark = "[^0-9A-Z]" -%}
    {%- set typed = "^([0-9]{2,4}[A-Z]{0,2}" ~ mark ~ "+)?" ~ mark ~ "*([A-L]|1" ~ mark ~ "+)" ~ mark
        ~ "*([0-9]{5})" ~ mark ~ "*([0-9]{2})(" ~ mark ~ "*| *[/;,].*|-[0-9]{2})$" -%}
    {%- set letter = "translate(left(regexp_extract(" ~ cell ~ ", '" ~ typed ~ "', 2), 1), '1', 'I')" -%}
    {%- set year = "regexp_extract(" ~ cell ~ ", '" ~ typed ~ "', 4)" -%}
    {%- set note = "regexp_extract(" ~ cell ~ ", '" ~ typed ~ "', 5)" -%}
    {#- Five digits are of another number; a signal code has three at most. #}
    {%- set other = "[0-9](" ~ mark ~ "*[0-9]){4}" -%}
    {{ return({
        'rule': 'item_number_repaired',
        'when': "case when length(" ~ column ~ "__read) > 8 then regexp_matches(" ~ cell ~ ", '" ~ typed
            ~ "') and " ~ year ~ " between '10' and strftime(_extracted_at, '%y') and not ("
            ~ "regexp_full_match(" ~ note ~ ", '-[0-9]{2}') and " ~ note ~ " <> '-' || " ~ year
            ~ ") and not regexp_matches(" ~ note ~ ", '" ~ other ~ "') else false end",
        'then': letter ~ " || regexp_extract(" ~ cell ~ ", '" ~ typed ~ "', 3) || " ~ year,
    }) }}
{%- endmacro %}
