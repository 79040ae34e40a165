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

{# Whether one of these columns, as read, is covered by a policy; those that decide nothing say nothing. #}
{% macro covered_as_read(id, names, policy_id) %}
    {% set said = [] %}
    {% for name in names if name in dataset(id).get('deciding', []) %}
        {% do said.append(under_policy('class_' ~ name ~ '(' ~ name ~ '__read)', policy_id)) %}
    {% endfor %}
    {{ return(said | join(' or ') or 'false') }}
{% endmacro %}

{#
    The columns of a dataset but for some, each with its list. Where a dataset file declares none, as it
    could not before, the columns `of_old` go together in places of that name.
#}
{% macro listed_columns(id, without, places, of_old) %}
    {% set declared = lists_together(id) %}
    {% set columns = [] %}
    {% for column in dataset(id)['columns'] if column['name'] not in without %}
        {% set own = places if column['name'] in of_old and not declared else none %}
        {% set undeclared = {'separator': ' | ', 'mark': '|', 'places': own, 'set': false} %}
        {% do columns.append(dict(column, list=column['list'] or undeclared)) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}

{# Those of them that go together, by what their places stand for. #}
{% macro columns_by_places(columns) %}
    {% set groups = {} %}
    {% for column in columns if column['list']['places'] %}
        {% do groups.setdefault(column['list']['places'], []).append(column) %}
    {% endfor %}
    {{ return(groups) }}
{% endmacro %}
