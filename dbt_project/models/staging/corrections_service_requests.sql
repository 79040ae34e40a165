{{ corrected_cells(ref('base_service_requests')) }}
