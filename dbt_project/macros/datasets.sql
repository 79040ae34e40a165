{# What the dataset files say, as the models ask for it. #}

{% macro dataset(id) %}
    {%- set unknown = {'key': 'id', 'grain': {'published': ''}, 'columns': [], 'policies': []} -%}
    {{ return(var('datasets').get(id, unknown)) }}
{% endmacro %}

{# Names of columns, those of one kind where a filter is given. #}
{% macro columns_of(id, type=none, privacy=none, volatile=none, landed=none, spelled=none, places=none, scanned=none) %}
    {% set names = [] %}
    {% for column in dataset(id)['columns'] %}
        {% if (type is none or column['type'] == type)
            and (privacy is none or column['privacy'] == privacy)
            and (volatile is none or column['volatile'] == volatile)
            and (landed is none or column['landed'] == landed)
            and (spelled is none or column['spelled'] == spelled)
            and (places is none or (column['list'] or {}).get('places') == places)
            and (scanned is none or column['scanned'] == scanned) %}
            {% do names.append(column['name']) %}
        {% endif %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}

{# Whether policies, ids with blanks between as `_policies` holds them, are one of them. #}
{% macro under_policy(policies, policy_id) -%}
    coalesce(contains(' ' || {{ policies }} || ' ', ' {{ policy_id }} '), false)
{%- endmacro %}
