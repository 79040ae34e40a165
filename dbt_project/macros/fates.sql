{#
    What becomes of every raw line: exactly one fate each.

    superseded    its key stands in a newer extract, or another line of the extract won
    merged        equal to another line of its key in every listed column, or people decided that its
                  key and another are the same event
    withheld      a policy of the dataset file keeps its row back, an order took it down, or it, or
                  another line of its row, waits for a person: `unclassified`
    quarantined   it, or another line of its row, broke a critical rule
    published     it contributes to the published row

    `columns` are those in which equal lines are equal; `version_order` those that rank versions, best
    first; `chosen` those with a survivorship of their own, as `{name, survivorship, list}`; `withheld_by`
    the policies that keep rows back; `grain` that of a line which is one published row; `merged_keys` is
    given where people may merge keys.

    Where one line is one published row, lines of a key are versions of it: ranked by the columns of
    `version_order`, then by how much they say, then by content, so that no order of files or rows
    decides. Where several lines add up to a published row, all of them contribute.

    `version_rank` is 1 for the winner, more for the versions that lost, null for a line that is no
    version of the row. `gives` names the columns with a survivorship of their own whose value the
    row takes from this line; a version that lost and gives one is published as well. `policies` are
    those that cover any newest line of the row: no version that wins takes it out of one.

    Every line of a row that was taken down by order is withheld, older and equal ones too.

    Where people may merge keys, the lines of an absorbed key are lines of its survivor's, and rank
    behind those; one that gives nothing keeps its own key here.
#}
{% macro fated_lines(
    staged, quarantined, taken_down, key, columns, grain,
    version_order=[], chosen=[], withheld_by=[], merged_keys=none
) %}
    {%- set merging = merged_keys is not none %}
with staged as not materialized (
    {%- if merging %}
    select
        staged.* replace (coalesce(merged_keys.survivor_key, staged.{{ key }}) as {{ key }}),
        staged.{{ key }} as _own_key,
        merged_keys.decision_id as _decision_id
    from {{ staged }} as staged
    left join {{ merged_keys }} as merged_keys
        on staged.{{ key }} = merged_keys.row_key
    {%- else %}
    select * from {{ staged }}
    {%- endif %}
),

quarantine as (
    select
        _extract_id,
        _line,
        string_agg(distinct rule_id, ', ' order by rule_id) filter (not waits) as rules,
        bool_or(waits) as waits
    from {{ quarantined }}
    group by _extract_id, _line
),

{#- Most keys have one line, and only the others need comparing. #}

repeated_keys as (
    select
        {{ key }} as row_key,
        {{ '_own_key,' if merging }}
        max(_extracted_at) as newest_at
    from staged
    where {{ key }} is not null
    group by row_key{{ ', _own_key' if merging }}
    {%- if merging %}
    qualify sum(count(*)) over (partition by row_key) > 1
    {%- else %}
    having count(*) > 1
    {%- endif %}
),

alone as (
    select
        staged._extract_id,
        staged._line,
        staged.{{ key }} as row_key,
        {{ withholding_policy(key, taken_down, withheld_by) }} as policy_id,
        staged._policies as policies,
        quarantine.rules,
        quarantine.waits
    from staged
    anti join repeated_keys on staged.{{ key }} = repeated_keys.row_key
    left join quarantine using (_extract_id, _line)
),

together as (
    select
        struct_pack(extract_id := staged._extract_id, line := staged._line) as line,
        repeated_keys.row_key,
        {{ 'staged._own_key, staged._decision_id,' if merging }}
        staged._extracted_at = repeated_keys.newest_at as is_newest,
        case
            when staged._extracted_at < repeated_keys.newest_at then null
            when staged._grain <> '{{ grain }}' then ''
            else md5(concat_ws(
                chr(31)
                {%- for name in columns + ['_unparsed', '_parse_error'] %}
                , coalesce(staged.{{ name }}::varchar, chr(30))
                {%- endfor %}
            ))
        end as content,
        {{ non_null_count(columns) }} as said,
        {%- for name in version_order %}
        staged.{{ name }} as version_{{ loop.index }},
        {%- endfor %}
        {%- for column in chosen %}
        staged.{{ column['name'] }} as cell_{{ loop.index }},
        {%- endfor %}
        {{ withholding_policy(key, taken_down, withheld_by) }} as policy_id,
        staged._policies as policies,
        quarantine.rules,
        quarantine.waits
    from staged
    inner join repeated_keys
        on staged.{{ key }} = repeated_keys.row_key
        {{ 'and staged._own_key = repeated_keys._own_key' if merging }}
    left join quarantine using (_extract_id, _line)
),

{#- Lines that add up to one row have no content of their own, and are one version of it. #}

versions as (
    select
        row_key,
        content,
        {{ 'coalesce(min(line) filter (_decision_id is null), min(line))' if merging else 'min(line)' }}
            as first_line,
        max(policy_id) as policy_id,
        string_agg(policies, ' ') as policies,
        max(rules) as rules,
        bool_or(waits) as waits,
        {%- for column in chosen %}
        max(cell_{{ loop.index }}) as cell_{{ loop.index }},
        {%- endfor %}
        row_number() over (
            partition by row_key
            order by
                {{ 'count(_decision_id) = count(*),' if merging }}
                {%- for name in version_order %}
                max(version_{{ loop.index }}) desc nulls last,
                {%- endfor %}
                max(said) desc, content
        ) as version_rank
    from together
    where is_newest
    group by row_key, content
),

weighed as (
    select
        row_key,
        content,
        first_line,
        version_rank,
        list_filter([
            {%- for column in chosen %}
            case
                when {{ gives(column['survivorship'], 'cell_' ~ loop.index, column['list']) }} then '{{ column['name'] }}'
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ]::varchar[], name -> name is not null) as gives
    from versions
),

judged as (
    select
        row_key,
        arg_min(first_line, version_rank) as winner,
        max(policy_id) as policy_id,
        array_to_string(
            list_sort(list_distinct(string_split(string_agg(policies, ' '), ' '))), ' '
        ) as policies,
        max(rules) as rules,
        bool_or(waits) as waits
    from versions
    group by row_key
),

compared as (
    select
        together.line,
        together.row_key,
        together.rules,
        together.is_newest,
        coalesce(together.policy_id = 'takedown', false) as is_taken_down,
        {{ 'together._own_key, together._decision_id,' if merging }}
        together.content <> '' and together.line <> weighed.first_line as is_repeat,
        weighed.first_line,
        weighed.version_rank,
        weighed.gives,
        judged.winner,
        judged.policy_id as row_policy_id,
        judged.policies,
        judged.waits as row_waits,
        judged.rules as row_rules
    from together
    inner join judged using (row_key)
    left join weighed using (row_key, content)
),

fated as (
    select
        _extract_id,
        _line,
        row_key,
        {{ 'row_key as _own_key,' if merging }}
        case
            when policy_id is not null or waits then 'withheld'
            when rules is not null then 'quarantined'
            else 'published'
        end as fate,
        null as survivor,
        coalesce(policy_id, case when waits then 'unclassified' end, rules) as reason,
        1 as version_rank,
        null as gives,
        policies
    from alone
    union all
    select
        line.extract_id,
        line.line,
        row_key,
        {{ '_own_key,' if merging }}
        case
            when is_taken_down then 'withheld'
            when not is_newest then 'superseded'
            when is_repeat then 'merged'
            when row_policy_id is not null or row_waits then 'withheld'
            when row_rules is not null then 'quarantined'
            {%- if merging %}
            when _decision_id is not null and gives = [] then 'merged'
            {%- endif %}
            when version_rank > 1 and gives = [] then 'superseded'
            else 'published'
        end as fate,
        case
            when is_taken_down then null
            when not is_newest then winner
            when is_repeat then first_line
            when version_rank > 1 then winner
        end as survivor,
        case
            when is_taken_down then 'takedown'
            when not is_newest then 'newer_extract_has_key'
            {%- if merging %}
            when _decision_id is not null and coalesce(row_policy_id, row_rules) is null
                and row_waits is not true
                and (is_repeat or gives = []) then 'decided_same: ' || _decision_id
            {%- endif %}
            when is_repeat then 'equal_in_every_column'
            when row_policy_id is not null then row_policy_id
            when row_waits then 'unclassified'
            when row_rules is not null then coalesce(rules, 'another_line_of_row: ' || row_rules)
            when version_rank > 1 and gives = [] then 'another_version_won'
            when version_rank > 1 then 'gives: ' || array_to_string(gives, ', ')
        end as reason,
        case when not is_repeat then version_rank end as version_rank,
        gives,
        policies
    from compared
)

select
    _extract_id,
    _line,
    {{ "case when fate <> 'published' then _own_key else row_key end as row_key" if merging else 'row_key' }},
    fate,
    survivor.extract_id as survivor_extract_id,
    survivor.line as survivor_line,
    reason,
    version_rank,
    gives,
    policies
from fated
{% endmacro %}

{#
    The policy that keeps a line's row back, or null. A line whose cells were erased by order has no
    key any more, and says so where a line that cannot be parsed says why.
#}
{% macro withholding_policy(key, taken_down, policies) -%}
    case
        when {{ key }} in (select row_key from {{ taken_down }})
            or _parse_error = 'taken_down' then 'takedown'
        {%- for policy in policies %}
        when {{ under_policy('staged._policies', policy) }} then '{{ policy }}'
        {%- endfor %}
        when {{ under_policy('staged._policies', 'not_ours') }} then 'not_ours'
    end
{%- endmacro %}

{# How many of a line's cells say something. #}
{% macro non_null_count(columns) -%}
    {%- for name in columns -%}
        ({{ name }} is not null)::integer{{ ' + ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
