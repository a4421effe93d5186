//! Alert publishers.

use crate::alert::{Alert, Alerts};
use crate::configure::Configure;
use crate::context::StageContext;
use crate::error::Result;
use serde::de::DeserializeOwned;

/// Hands alerts to the outside.
///
/// `initialize` is called at the start of the run, so that what cannot be reached fails the start; `publish` whenever
/// there are alerts; `destroy` always. `publish` returns when it knows what became of each alert: where it returns `Ok`,
/// an alert is done unless it [says otherwise](Alert::retry); where it returns an error of kind `Retry`, the alerts that
/// say nothing are tried again; any other error fails the publisher. The host repeats with back-off, keeps the rate that
/// the pipeline sets, and sets rejected alerts aside: a publisher does none of these.
///
/// ```
/// use campanile_sdk::*;
///
/// /// Prints alerts.
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Print {}
///
/// impl AlertPublisher for Print {
///     fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
///         for alert in alerts {
///             eprintln!("{}", alert.to_json(AlertFormat::Envelope));
///         }
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as an alertpublisher but does not implement `campanile_sdk::AlertPublisher`",
    note = "write `impl AlertPublisher for {Self}`, or export it as the kind that it implements"
)]
pub trait AlertPublisher: DeserializeOwned + Send + 'static {
    /// Checks the properties. Opens nothing.
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Gets ready: what cannot be reached is an error now.
    fn initialize(&mut self, context: &mut StageContext<'_>) -> Result<()> {
        let _ = context;
        Ok(())
    }

    /// Publishes alerts, and returns when it knows what became of them.
    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()>;

    /// The run is over, however it went: hand on what is held, let go of everything.
    fn destroy(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<'a> Iterator for Alerts<'a> {
    type Item = Alert<'a>;

    fn next(&mut self) -> Option<Alert<'a>> {
        self.take_next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining(), Some(self.remaining()))
    }
}

impl ExactSizeIterator for Alerts<'_> {}
