{{ corrected_cells(ref('base_calls_for_service')) }}
