{#
    A finished layer: the model's rows go straight into one Parquet file of the step's workspace, and
    a view reads them back. The file is what is gated, kept and published; nothing is written twice,
    and an empty model is an empty file. Columns and types are held against the contract first.
#}
{% materialization layer, adapter='duckdb' %}
    {%- set location = var('workspace') ~ '/' ~ this.identifier ~ '.parquet' -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- set contract = config.get('contract') -%}
    {% if contract.enforced %}
        {{ get_assert_columns_equivalent(sql) }}
    {% endif %}
    {% call statement('write', language='sql') -%}
        copy ({{ sql }}) to '{{ location }}' (format parquet, compression zstd)
    {%- endcall %}
    {% call statement('main', language='sql') -%}
        create or replace view {{ target_relation }} as select * from read_parquet('{{ location }}')
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
