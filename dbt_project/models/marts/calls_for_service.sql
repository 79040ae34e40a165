{{ published_rows('calls_for_service', ref('int_calls_for_service__surviving_rows')) }}
