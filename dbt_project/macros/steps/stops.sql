{# Longitude and latitude 0 are the source's way to write no place: blanked, never filled in. #}
{% macro steps_of_stops(texts, deciding) %}
    {%- set no_place = [zero_point('latitude', 'longitude')] -%}
    {{ return(null_words(texts, {
        'item_number': [repaired_item_number('item_number'), upper_case('item_number')],
        'block_address': block_steps('block_address'),
        'subject_age': [unknown_age('subject_age')],
        'vehicle_year': [impossible_year('vehicle_year')],
        'latitude': no_place,
        'longitude': no_place,
    })) }}
{% endmacro %}
