//! Raises alerts when something enters or leaves an area.

mod fence_file;
mod geofence;
mod polygon;
mod saved;
mod whereabouts;

use campanile_sdk::export_plugin;
use geofence::Geofence;

export_plugin!(transform Geofence in "geofence");
