{#
    A finished layer: the model's rows go straight into one Parquet file of the step's workspace, and
    a view reads them back. The file is what is gated, kept and published; nothing is written twice,
    and an empty model is an empty file. Columns and types are held against the contract first.

    By hand, outside of a step, it is a table of the warehouse.
#}
{% materialization layer, adapter='duckdb' %}
    {%- set folder = env_var('SUMMERWARE_WORKSPACE', '') -%}
    {%- set location = folder ~ '/' ~ this.identifier ~ '.parquet' -%}
    {%- set target_relation = this.incorporate(type='view' if folder else 'table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- set contract = config.get('contract') -%}
    {% if contract.enforced %}
        {{ get_assert_columns_equivalent(sql) }}
    {% endif %}
    {% if folder %}
        {% call statement('write', language='sql') -%}
            copy ({{ sql }}) to {{ sql_text(location) }} (format parquet, compression zstd)
        {%- endcall %}
        {% call statement('main', language='sql') -%}
            create or replace view {{ target_relation }} as
            select * from read_parquet({{ sql_text(location) }})
        {%- endcall %}
    {% else %}
        {% call statement('main', language='sql') -%}
            create or replace table {{ target_relation }} as ({{ sql }})
        {%- endcall %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
