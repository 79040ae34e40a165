{{ repeated_or_missing_keys('calls_for_service') }}
