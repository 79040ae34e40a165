{# A blank word stands for nothing in every text; an age of 0 or -1 is unknown, entry by entry. #}
{% macro steps_of_use_of_force(texts, deciding) %}
    {{ return(null_words(texts, {
        'pib_file_number': [upper_case('pib_file_number')],
        'subject_age': [unknown_ages('subject_age')],
    })) }}
{% endmacro %}
