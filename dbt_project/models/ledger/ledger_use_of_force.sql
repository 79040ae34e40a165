{{ ledger(ref('int_use_of_force__fates')) }}
