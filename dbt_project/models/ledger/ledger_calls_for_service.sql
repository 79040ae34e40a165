{{ ledger(ref('int_calls_for_service__fates')) }}
