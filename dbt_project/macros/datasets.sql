{# What the dataset files say, as the models ask for it. #}

{% macro dataset(id) %}
    {%- set unknown = {'key': 'id', 'grain': {'published': ''}, 'columns': [], 'policies': []} -%}
    {{ return(var('datasets').get(id, unknown)) }}
{% endmacro %}

{# Names of columns, those of one kind where a filter is given. #}
{% macro columns_of(id, type=none, privacy=none, volatile=none, landed=none, spelled=none, scanned=none) %}
    {% set names = [] %}
    {% for column in dataset(id)['columns'] %}
        {% if (type is none or column['type'] == type)
            and (privacy is none or column['privacy'] == privacy)
            and (volatile is none or column['volatile'] == volatile)
            and (landed is none or column['landed'] == landed)
            and (spelled is none or column['spelled'] == spelled)
            and (scanned is none or column['scanned'] == scanned) %}
            {% do names.append(column['name']) %}
        {% endif %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}

{# Whether a row is under a policy: its deciding column holds one of the policy's values. #}
{% macro under_policy(id, policy_id, column=none) %}
    {%- set found = dataset(id)['policies'] | selectattr('id', 'equalto', policy_id) | list -%}
    {%- if found -%}
        {%- set values = [] -%}
        {%- for value in found[0]['values'] -%}
            {%- do values.append("'" ~ value.replace("'", "''") ~ "'") -%}
        {%- endfor -%}
        {#- A list and no `in`, which is a join to DuckDB and loses the order of the lines. #}
        coalesce(
            list_contains([{{ values | join(', ') }}], upper({{ column or found[0]['column'] }})),
            false
        )
    {%- else -%}
        false
    {%- endif -%}
{% endmacro %}
