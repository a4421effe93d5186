//! The HTTP side: TMS over REST, and its client.
