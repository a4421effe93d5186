//! ErrorCollector turns error records into records.
