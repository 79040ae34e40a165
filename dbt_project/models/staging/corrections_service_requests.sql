{{ corrected_cells(ref('stg_service_requests')) }}
