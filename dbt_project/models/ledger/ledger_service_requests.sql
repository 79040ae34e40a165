{{ ledger(ref('int_service_requests__fates')) }}
