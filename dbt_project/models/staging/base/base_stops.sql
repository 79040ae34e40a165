{# Longitude and latitude 0 are the source's way to write no place: blanked, never filled in. #}
{% set no_place = [zero_point('latitude', 'longitude')] %}

{{ standardized('stops', source('raw', 'stops'), {
    'item_number': [null_word('item_number'), upper_case('item_number')],
    'zip_code': [null_word('zip_code')],
    'block_address': [null_word('block_address')],
    'latitude': no_place,
    'longitude': no_place,
}) }}
