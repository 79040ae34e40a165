{#
    Addresses: at the level of a block, each street in one form, a crossing in one order.

    `streets.known_street(text)` and `streets.suffix_form(word)` are functions, made from the
    seeds `street_names`, `street_suffixes` and `street_directions` before any model is built
    (`orchestration/warehouse/vocabularies.py`). docs/adr/0010-addresses.md says why no parser.
#}

{# The steps that bring an address to the level of its block. #}
{% macro block_steps(column) %}
    {{ return([
        null_word(column),
        glued_block(column),
        unclear_block(column),
        block_word(column),
        street_block(column, 'street_address_to_block'),
    ]) }}
{% endmacro %}

{# The column that is brought to its block; none where no column is. #}
{% macro address_of(steps) %}
    {%- set found = [] -%}
    {%- for name, own in steps.items() -%}
        {%- if own | selectattr('rule', 'equalto', 'street_address_to_block') | list -%}
            {%- do found.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if found | length > 1 -%}
        {{ exceptions.raise_compiler_error("only one column can be an address: " ~ found | join(', ')) }}
    {%- endif -%}
    {{ return(found[0] if found else none) }}
{% endmacro %}

{#
    A street address at the level of its block: 7723 Hampson St is 077XX Hampson St, and so is
    7723-25, 7723 1/2, 7723A or 7723 & 7725, and Approx Loc:7723 Hampson St. What tells the homes of
    a house apart (A before the street, APT 5, # 5, REAR) goes too. A letter that may be a direction
    (7723N ROMAN ST), or a digit (772O), is not guessed at. Intersections have no house number and stay; other numbers
    are for a rule to stop.
#}
{% macro street_block(column, rule) -%}
    {%- set about = '(?i)^approx[a-z.]* loc[a-z.]*:? ?' -%}
    {%- set text = "regexp_replace(" ~ collapsed(column ~ '__read') ~ ", '" ~ about ~ "', '')" -%}
    {%- set others = "((-| - | & | ?/ ?|, ?| and )[0-9]{1,5})*( ?-?[0-9]/[0-9]| ?½)?" -%}
    {%- set letter = "(-?[a-df-hjkmp-rt-vx-z])? ([a-c] ([a-z]{2,} [a-z]))?" -%}
    {%- set number = "[1-9][0-9]{0,4}" ~ others ~ letter ~ "((blk|block) (of )?)?" -%}
    {%- set house = "(?i)^" ~ number -%}
    {%- set begins = "(?i)^(approx[a-z.]*\\s+loc[a-z.]*:?\\s*)?[1-9]" -%}
    {%- set unit = " (apt|apartment|unit|ste|suite|room|rm|lot|bldg|building|trailer|fl|floor)" -%}
    {%- set home = "(?i)(,?(" ~ unit ~ "(\\.? ?#? ?[0-9]+[a-z]?|[. ]+#? ?[0-9a-z-]+)| ?# ?[0-9a-z-]+"
        ~ "| [0-9]+(st|nd|rd|th) floor| (rear|front|upper|lower|upstairs|downstairs)))+$" -%}
    {%- set hundreds = "try_cast(regexp_extract(" ~ text ~ ", '^[0-9]+') as integer) // 100" -%}
    {%- set block = "lpad((" ~ hundreds ~ ")::varchar, 3, '0')" -%}
    {%- set street = "regexp_replace(" ~ text ~ ", '" ~ house ~ "', '\\6')" -%}
    {{ return({
        'rule': rule,
        'when': "(" ~ digit_first(column) ~ " or " ~ column ~ "__read between 'A' and 'B' or "
            ~ column ~ "__read between 'a' and 'b') and regexp_matches(" ~ column ~ "__read, '"
            ~ begins ~ "') and regexp_matches("
            ~ text ~ ", '" ~ house ~ "[0-9a-z].*[a-z]')",
        'then': block ~ " || 'XX ' || regexp_replace(" ~ street ~ ", '" ~ home ~ "', '')",
    }) }}
{%- endmacro %}

{#
    20Blk S Claiborne Ave is the 200 block: the source hid the last digit of 200Blk. The coordinates
    of all four such streets in 2022 say so. 200Blk is the 200 block too, and 7200Blk the 7200 block.
#}
{% macro glued_block(column) -%}
    {%- set text = collapsed(column ~ '__read') -%}
    {%- set digits = "regexp_extract(" ~ text ~ ", '^[0-9]+')" -%}
    {%- set number = "try_cast(" ~ digits ~ " as integer)" -%}
    {%- set hundreds = number ~ " // case when length(" ~ digits ~ ") = 2 then 10 else 100 end" -%}
    {{ return({
        'rule': 'block_in_hundreds',
        'when': digit_first(column) ~ " and regexp_matches(" ~ column
            ~ "__read, '(?i)^[1-9][0-9]{1,4}blk\\s+[0-9a-z]')",
        'then': "lpad((" ~ hundreds ~ ")::varchar, 3, '0') || 'XX' || substr(" ~ text ~ ", length("
            ~ digits ~ ") + 4)",
    }) }}
{%- endmacro %}

{# Most addresses begin with 0 or a letter, and comparing one character is cheap. #}
{% macro digit_first(column) -%}
    {{ column }}__read between '1' and ':'
{%- endmacro %}

{# 20 Blk or 2Blk may be the block of 20 or of 2000: left as read. #}
{% macro unclear_block(column) -%}
    {{ return({
        'rule': 'blanks_collapsed',
        'when': digit_first(column) ~ " and regexp_matches(" ~ column
            ~ "__read, '(?i)^([1-9]|[1-9][0-9]\\s+)bl(oc)?k\\s')",
        'then': collapsed(column ~ '__read'),
    }) }}
{%- endmacro %}

{# 007XX Blk N Rampart St says the block twice. #}
{% macro block_word(column) -%}
    {%- set cell = column ~ '__read' -%}
    {{ return({
        'rule': 'block_word_removed',
        'when': "contains(upper(" ~ cell ~ "), 'BL') and regexp_matches(" ~ cell
            ~ ", '(?i)^[0-9]*XX\\s+#?bl(oc)?k\\s+[0-9a-z]')",
        'then': "regexp_replace(" ~ collapsed(cell) ~ ", '(?i)^([0-9]*XX) #?bl(oc)?k ', '\\1 ')",
    }) }}
{%- endmacro %}

{# How a street is written is one form of it; which form, the vocabularies say. #}
{% macro street_form(column) -%}
    {{ return({'rule': 'street_in_one_form', 'when': 'true'}) }}
{%- endmacro %}

{# A crossing has one order: A & B is B & A. #}
{% macro street_order(column) -%}
    {{ return({'rule': 'crossing_in_one_order', 'when': 'true'}) }}
{%- endmacro %}

{#
    The steps below the block: `x__block` is the address at its block, `x__named` has its streets in
    one form, `x` has a crossing in one order. A street that is in no vocabulary keeps its name, only
    its suffix and a leading Saint are brought to their form; what stands between two streets other
    than & is only taken for a crossing where both are known.
#}
{% macro addressed(relation, column) -%}
{%- if column is none -%}
addressed as (
    select * from {{ relation }}
),
{%- else -%}
parted as (
    select
        * rename ({{ column }} as {{ column }}__block),
        case
            when
                ({{ column }}__block < ':' and ends_with(split_part({{ column }}__block, ' ', 1), 'XX'))
                or starts_with({{ column }}__block, 'X ')
                or starts_with({{ column }}__block, 'XX ')
                then split_part({{ column }}__block, ' ', 1) || ' '
            else ''
        end as _block
    from {{ relation }}
),

crossed as (
    select
        *,
        {{ crossing("substr(" ~ column ~ "__block, length(_block) + 1)") }} as _streets
    from parted
),

told_apart as (
    select
        *,
        case
            when not contains(_streets, '&') then _streets
            else split_part(_streets, ' & ', 1)
        end as _street_1,
        case when contains(_streets, '&') then substr(_streets, length(_street_1) + 4) end as _street_2
    from crossed
),

named as (
    select
        *,
        coalesce(streets.known_street(_street_1), {{ tidy_street('_street_1') }}) as _named_1,
        coalesce(streets.known_street(_street_2), {{ tidy_street('_street_2') }}) as _named_2
    from told_apart
),

joined as (
    select
        *,
        case
            when _street_2 is null and _named_1 = _street_1 then {{ column }}__block
            when _street_2 is null then _block || _named_1
            when _named_1 = _street_1 and _named_2 = _street_2 then _block || _streets
            else _block || _named_1 || ' & ' || _named_2
        end as {{ column }}__named
    from named
),

addressed as (
    select
        *,
        case
            when _named_2 < _named_1 and not contains(_street_2, '&')
                then _block || _named_2 || ' & ' || _named_1
            else {{ column }}__named
        end as {{ column }}
    from joined
),
{%- endif -%}
{%- endmacro %}

{# Two streets with ` & ` between them, however the source writes that. #}
{% macro crossing(text) -%}
    {%- set sign = "regexp_replace(" ~ text ~ ", ' ?& ?', ' & ', 'g')" -%}
    {%- set word = "(?i)^(.*[a-z.]) ?(?:/|@| and | at ) ?([a-z0-9].*)$" -%}
    {%- set one = "regexp_extract(" ~ text ~ ", '" ~ word ~ "', 1)" -%}
    {%- set other = "regexp_extract(" ~ text ~ ", '" ~ word ~ "', 2)" -%}
    case
        when contains({{ text }}, ' & ') then {{ text }}
        when contains({{ text }}, '&') then {{ sign }}
        when regexp_matches({{ text }}, '(?i)/|@| and | at ')
            and streets.known_street({{ one }}) is not null and streets.known_street({{ other }}) is not null
            then {{ one }} || ' & ' || {{ other }}
        else {{ text }}
    end
{%- endmacro %}

{# A street that nobody knows: Foo Avenue is Foo Av, Saint Foo is St Foo, in the case it came in. #}
{% macro tidy_street(street) -%}
    {%- set last = "split_part(" ~ street ~ ", ' ', -1)" -%}
    {%- set form = "streets.suffix_form(" ~ last ~ ")" -%}
    case
        when starts_with(upper({{ street }}), 'SAINT ') then left({{ street }}, 1)
            || case when {{ street }} = upper({{ street }}) then 'T' else 't' end
        else ''
    end
    || substr(
        left({{ street }}, length({{ street }}) - case
            when contains({{ street }}, ' ') and {{ form }} is not null then length({{ last }})
            else 0
        end),
        case when starts_with(upper({{ street }}), 'SAINT ') then 6 else 1 end
    )
    || case
        when not contains({{ street }}, ' ') or {{ form }} is null then ''
        when {{ street }} = upper({{ street }}) then upper({{ form }})
        else {{ form }}
    end
{%- endmacro %}
