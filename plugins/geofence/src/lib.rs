//! Geofence raises alerts when something enters or leaves an area.
