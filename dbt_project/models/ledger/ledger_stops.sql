{{ ledger(ref('int_stops__fates')) }}
