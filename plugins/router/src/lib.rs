//! Router sends records to ports by a field's value.

mod router;
mod table;

use campanile_sdk::export_plugin;
use router::Router;

export_plugin!(splitter Router in "router");
