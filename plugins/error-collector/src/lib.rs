//! ErrorCollector turns error records into records.

mod error_collector;
mod raw;

use campanile_sdk::export_plugin;
use error_collector::ErrorCollector;

export_plugin!(errortransform ErrorCollector in "error-collector");
