{{ published_rows('service_requests', ref('int_service_requests__surviving_rows')) }}
