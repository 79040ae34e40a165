{#
    Tickets whose details the source gives by telephone only carry one and the same State Plane point
    instead of their place. It is a placeholder: blanked, never converted into degrees. Any other
    State Plane pair is left as it is, for a rule to stop.

    Coordinates leave the base model at the block level; the exact ones stay in the extract and in the
    explanation of the change.
#}
{% macro steps_of_service_requests(texts, deciding) %}
    {%- set no_place = [
        blank_where(
            'place',
            'state_plane_placeholder_blank',
            'round(latitude__read, 5) = 530187.70942 and round(longitude__read, 4) = 3678691.8167'
        ),
        zero_point('latitude', 'longitude'),
    ] -%}
    {{ return({
        'block_address': block_steps('block_address'),
        'zip_code': [null_word('zip_code')],
        'latitude': no_place + [rounded_degrees('latitude', 3, 'coordinates_to_block')],
        'longitude': no_place + [rounded_degrees('longitude', 3, 'coordinates_to_block')],
    }) }}
{% endmacro %}
