{#
    What becomes of every raw line: exactly one fate each.

    superseded    its key stands in a newer extract, or another line of the extract won
    merged        equal to another line of its key in every listed column
    withheld      a policy of the dataset file keeps its row back
    quarantined   it, or another line of its row, broke a critical rule
    published     it contributes to the published row

    Where one line is one published row, lines of a key are versions of it: ranked by the columns of
    `version_order`, then by how much they say, then by content, so that no order of files or rows
    decides. Where several lines add up to a published row, all of them contribute.
#}
{% macro fated_lines(id, staged, quarantined) %}
    {%- set settings = dataset(id) %}
    {%- set key = settings['key'] %}
    {%- set names = columns_of(id) or [key] %}
    {%- set order = settings.get('version_order', []) %}
with lines as (
    select
        _extract_id,
        _line,
        {{ key }} as row_key,
        _grain = '{{ settings['grain']['published'] }}' as is_whole_row,
        md5(concat_ws(chr(31){% for name in names %}, coalesce({{ name }}::varchar, chr(30)){% endfor %})) as content,
        {{ said(names) }} as said,
        {%- for name in order %}
        {{ name }} as version_{{ loop.index }},
        {%- endfor %}
        case
            {%- for policy in settings['policies'] if policy['action'] == 'withhold' %}
            when {{ under_policy(id, policy['id']) }} then '{{ policy['id'] }}'
            {%- endfor %}
            when false then ''
        end as policy_id,
        _extracted_at
    from {{ staged }}
),

quarantine as (
    select
        _extract_id,
        _line,
        string_agg(distinct rule_id, ', ' order by rule_id) as rules
    from {{ quarantined }}
    group by _extract_id, _line
),

judged as (
    select
        lines.*,
        quarantine.rules,
        row_key is null
        or _extracted_at = max(_extracted_at) over (partition by row_key) as is_newest
    from lines
    left join quarantine using (_extract_id, _line)
),

{#- Most keys have one line; only the others need comparing. #}
counted as (
    select
        *,
        row_key is not null and count(*) over (partition by row_key, is_newest) > 1 as has_others
    from judged
),

compared as (
    select
        *,
        case
            when is_newest and is_whole_row and has_others
            then row_number() over (
                partition by row_key, is_newest, content order by _extract_id, _line
            )
            else 1
        end as repeat_number
    from counted
),

ranked as (
    select
        *,
        case
            when is_newest and is_whole_row and has_others and repeat_number = 1
            then row_number() over (
                partition by row_key, is_newest, repeat_number
                order by
                    {%- for name in order %}
                    version_{{ loop.index }} desc nulls last,
                    {%- endfor %}
                    said desc, content
            )
            else 1
        end as version_rank
    from compared
),

gathered as (
    select
        *,
        case when has_others then
            first_value(struct_pack(e := _extract_id, l := _line)) over (
                partition by row_key order by
                    is_newest desc, version_rank, repeat_number, _extract_id, _line
            )
        end as winner,
        case when has_others and repeat_number > 1 then
            first_value(struct_pack(e := _extract_id, l := _line)) over (
                partition by row_key, is_newest, content order by repeat_number
            )
        end as original,
        case when row_key is null then policy_id else
            max(case when is_newest and repeat_number = 1 then policy_id end)
                over (partition by row_key)
        end as row_policy_id,
        case when row_key is null then rules else
            max(case when is_newest and repeat_number = 1 then rules end)
                over (partition by row_key)
        end as row_rules
    from ranked
),

fated as (
    select
        _extract_id,
        _line,
        row_key,
        case
            when not is_newest then 'superseded'
            when repeat_number > 1 then 'merged'
            when row_policy_id is not null then 'withheld'
            when row_rules is not null then 'quarantined'
            when version_rank > 1 then 'superseded'
            else 'published'
        end as fate,
        is_newest and repeat_number = 1 and version_rank > 1 as is_other_version,
        case
            when repeat_number > 1 and is_newest then original
            when not is_newest or version_rank > 1 then winner
        end as survivor,
        case
            when not is_newest then 'newer_extract_has_key'
            when repeat_number > 1 then 'equal_in_every_column'
            when row_policy_id is not null then row_policy_id
            when row_rules is not null then coalesce(rules, 'another_line_of_row: ' || row_rules)
            when version_rank > 1 then 'another_version_won'
        end as reason
    from gathered
)

select
    _extract_id,
    _line,
    row_key,
    fate,
    survivor.e as survivor_extract_id,
    survivor.l as survivor_line,
    reason,
    is_other_version
from fated
{% endmacro %}

{# How many of a line's cells say something. #}
{% macro said(names) -%}
    {%- for name in names %}({{ name }} is not null)::integer{{ ' + ' if not loop.last }}{% endfor -%}
{%- endmacro %}
