//! File reads and writes records, and appends alerts.
