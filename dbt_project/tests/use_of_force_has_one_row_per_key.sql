{{ repeated_or_missing_keys('use_of_force') }}
