{#
    MapX 37369000 with MapY 3513814, or 0 with 0, and POINT (0 0) are the source's way to write no
    place. Where the final or the initial type is on the city's list, the source says why it left the
    place out; where it is not, nobody does. Neither is ever filled in.
#}
{% macro steps_of_calls_for_service(texts, deciding) %}
    {%- set no_map = "(map_x_feet__read in (0, 37369000) and map_y_feet__read in (0, 3513814))" -%}
    {%- set no_point = "regexp_full_match(location__read, 'POINT ?\\(0(\\.0+)? 0(\\.0+)?\\)')" -%}
    {%- set listed = covered_as_read(
        'calls_for_service',
        ['call_type_text', 'initial_call_type_text'] | select('in', deciding) | list,
        'sensitive_call_coordinates_blank'
    ) -%}
    {%- set place = [
        blank_where('location', 'location_redacted_at_source', no_point ~ " and (" ~ listed ~ ")"),
        blank_where('location', 'location_missing_at_source', no_point),
    ] -%}
    {%- set map = [
        blank_where('map', 'location_redacted_at_source', no_map ~ " and (" ~ listed ~ ")"),
        blank_where('map', 'location_missing_at_source', no_map),
    ] -%}
    {{ return({
        'block_address': block_steps('block_address'),
        'item_number': [repaired_item_number('item_number'), upper_case('item_number')],
        'disposition_text': [upper_case('disposition_text')],
        'beat_code': [
            null_word('beat_code'), excel_code('beat_code', witness='police_district_code')
        ],
        'zip_code': [null_word('zip_code')],
        'location': place,
        'map_x_feet': map,
        'map_y_feet': map,
    }) }}
{% endmacro %}
