{{ repeated_or_missing_keys('service_requests') }}
