{{ decided_cells('stops', ref('int_stops__surviving_rows')) }}
