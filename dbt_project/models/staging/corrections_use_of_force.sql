{{ corrected_cells(ref('stg_use_of_force')) }}
