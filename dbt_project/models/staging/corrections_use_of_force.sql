{{ corrected_cells(ref('base_use_of_force')) }}
