//! Router sends records to ports by a field's value.
