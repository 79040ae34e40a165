{{ corrected_cells('calls_for_service', ref('base_calls_for_service')) }}
