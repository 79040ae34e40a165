{{ corrected_cells(ref('base_stops')) }}
