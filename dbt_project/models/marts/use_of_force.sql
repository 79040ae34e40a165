{{ published_rows('use_of_force', ref('int_use_of_force__incidents')) }}
