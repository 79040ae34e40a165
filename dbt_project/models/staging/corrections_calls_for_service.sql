{{ corrected_cells(ref('stg_calls_for_service')) }}
