//! Threshold raises alerts, Filter keeps records, by conditions on a field.
