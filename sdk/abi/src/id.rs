//! The ids of all interfaces, in one place so that no number is given twice.

/// [`crate::LibraryV1`]: what is in a library.
pub const LIBRARY: u32 = 1;
/// [`crate::StageV1`]: what every plugin has, whatever its kind.
pub const STAGE: u32 = 2;
/// [`crate::StateV1`]: what a plugin of any kind may have.
pub const STATE: u32 = 3;

/// [`crate::SourceV1`].
pub const SOURCE: u32 = 16;
/// [`crate::TransformV1`] of a transform.
pub const TRANSFORM: u32 = 17;
/// [`crate::TransformV1`] of a splitter.
pub const SPLITTER: u32 = 18;
/// [`crate::ErrorTransformV1`].
pub const ERROR_TRANSFORM: u32 = 19;
/// [`crate::SinkV1`].
pub const SINK: u32 = 20;
/// [`crate::AlertPublisherV1`].
pub const ALERT_PUBLISHER: u32 = 21;

/// [`crate::MessagingV1`]. What hosts offer has numbers from 64 on.
pub const MESSAGING: u32 = 64;
/// [`crate::DeliveryV1`].
pub const DELIVERY: u32 = 65;
