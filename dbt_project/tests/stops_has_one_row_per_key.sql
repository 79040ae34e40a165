{{ repeated_or_missing_keys('stops') }}
