//! The host's half of the boundary: a plugin behind its tables as ordinary calls. For hosts and for the test kit; a
//! plugin needs nothing from here.
#![allow(unsafe_code, reason = "the host half of the shim: safe types to raw tables")]

mod delivery;
mod downstream;
mod messaging;
mod services;
mod stage;
mod state;

pub use crate::shim::stage::OutputPort;
pub use delivery::Delivery;
pub use downstream::{AlertsIn, Answer, Downstream, ErrorsIn, Incoming, PatchIn, PayloadsIn};
pub use messaging::{InMemoryMessaging, Messaging, MessagingError};
pub use services::{HostServices, ServicesHandle};
pub use stage::{AlertOut, ErrorsOut, Plugin, Stage};
