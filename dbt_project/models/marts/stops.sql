{{ published_rows('stops', ref('int_stops__surviving_rows')) }}
