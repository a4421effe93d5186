//! Generator makes records, for demonstrations and benchmarks.
