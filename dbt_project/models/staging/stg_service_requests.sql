{{ staged('service_requests', ref('base_service_requests')) }}
