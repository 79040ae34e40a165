{{ corrected_cells('service_requests', ref('base_service_requests')) }}
