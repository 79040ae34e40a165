{# Socrata knows a row by one column; a subject of a stop is known by two. #}
{{ staged('stops', ref('base_stops'), derived={
    'stop_subject_id': "field_interview_id || '-' || subject_id",
}) }}
