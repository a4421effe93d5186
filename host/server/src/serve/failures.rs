//! Requests that fail on the server's side are told to whoever runs it.

use crate::failure::Why;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many failures are told of one by one in each [`SPAN`]; the others are counted.
const TOLD_AT_MOST: u64 = 20;
/// See [`TOLD_AT_MOST`].
const SPAN: Duration = Duration::from_secs(60);

/// Takes lines for whoever runs the server. Called from any thread; it should not block for long.
#[derive(Clone)]
pub struct Report(Arc<dyn Fn(&str) + Send + Sync>);

impl Report {
    /// Lines go to `take`, one for each failure.
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Report {
        Report(Arc::new(take))
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

/// What was told in the present span.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    report: Option<Report>,
    span: Arc<Mutex<Span>>,
}

#[derive(Debug)]
struct Span {
    began: Instant,
    failed: u64,
}

impl Failures {
    pub(super) fn new(report: Option<Report>) -> Failures {
        Failures { report, span: Arc::new(Mutex::new(Span { began: Instant::now(), failed: 0 })) }
    }

    fn tell(&self, failure: &str) {
        let Some(Report(take)) = &self.report else { return };
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if span.began.elapsed() >= SPAN {
            let untold = span.failed.saturating_sub(TOLD_AT_MOST);
            if untold > 0 {
                take(&format!("{untold} more requests failed"));
            }
            *span = Span { began: Instant::now(), failed: 0 };
        }
        span.failed += 1;
        if span.failed <= TOLD_AT_MOST {
            take(failure);
        }
    }
}

/// Tells of the answers that say that the server failed.
pub(super) async fn watch(State(failures): State<Failures>, request: Request, next: Next) -> Response {
    let asked = failures.report.is_some().then(|| format!("{} {}", request.method(), request.uri().path()));
    let response = next.run(request).await;
    if let Some(asked) = asked.filter(|_| response.status().is_server_error()) {
        let why = response.extensions().get().map_or_else(String::new, |Why(why)| format!(": {why}"));
        failures.tell(&format!("{asked} failed with {}{why}", response.status().as_u16()));
    }
    response
}

#[cfg(test)]
mod tests;
