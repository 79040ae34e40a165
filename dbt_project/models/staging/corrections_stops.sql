{{ corrected_cells(ref('stg_stops')) }}
