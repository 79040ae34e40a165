{{ corrected_cells('stops', ref('base_stops')) }}
