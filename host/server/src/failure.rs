//! Why requests fail, for those who answer and those who tell of it.

use axum::http::StatusCode;
use std::error::Error;
use std::time::Duration;

/// Why a request failed on the server's side: goes with its answer.
#[derive(Clone, Debug)]
pub(crate) struct Why(pub(crate) String);

/// Why a body did not come whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The client stopped sending.
    #[error("the body did not come in time: no pause of more than {} s, {} s in all", .idle.as_secs(), .total.as_secs())]
    TooSlow { idle: Duration, total: Duration },
    /// Others send too much at the same time.
    #[error("too much is being sent at once: send less, or try again")]
    NoRoom,
}

impl Failed {
    /// This reason at the bottom of an error.
    pub(crate) fn of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Failed> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(failed) = error.downcast_ref() {
                return Some(failed);
            }
            next = error.source();
        }
        None
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failed::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Failed::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
