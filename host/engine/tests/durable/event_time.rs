//! event_time
