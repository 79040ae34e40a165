{{ standardized('use_of_force', source('raw', 'use_of_force'), null_words('use_of_force', {
    'pib_file_number': [upper_case('pib_file_number')],
    'subject_age': [unknown_ages('subject_age')],
})) }}
