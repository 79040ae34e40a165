{{ corrected_cells('use_of_force', ref('base_use_of_force')) }}
