{{ staged('calls_for_service', ref('base_calls_for_service')) }}
