{{ decided_cells('use_of_force', ref('int_use_of_force__incidents')) }}
