//! Takes what a stage emits while it opens or closes: alerts, and nothing else.

use super::alerts::{AlertSink, Work};
use super::watch::Slot;
use campanile_sdk::proxy::{AlertsIn, Answer, Downstream, ErrorsIn, Incoming, PatchIn};

pub(super) struct Opening<'a> {
    /// Where alerts go; a sink and a publisher raise none.
    pub(super) alerts: Option<&'a mut AlertSink>,
    pub(super) slot: &'a Slot,
    /// What the stage did that it may not.
    pub(super) broken: Option<String>,
}

impl Opening<'_> {
    fn refuse(&mut self, what: &str) -> Answer {
        self.broken = Some(format!("it emitted {what} while it opened or closed, when only alerts are taken"));
        Answer::Fail
    }
}

impl Downstream for Opening<'_> {
    fn alerts_wanted(&self) -> bool {
        self.alerts.as_ref().is_some_and(|alerts| alerts.is_wanted())
    }

    fn selection(&mut self, _: u32, _: Option<&[u32]>, _: usize) -> Answer {
        self.refuse("records")
    }

    fn patch(&mut self, _: u32, _: PatchIn<'_>) -> Answer {
        self.refuse("records")
    }

    fn batch(&mut self, _: u32, _: Incoming, _: Option<&[u32]>, _: Option<&[u64]>) -> Answer {
        self.refuse("records")
    }

    fn errors(&mut self, _: ErrorsIn<'_>) -> Answer {
        self.refuse("error records")
    }

    fn alerts(&mut self, alerts: AlertsIn<'_>) -> Answer {
        let Some(sink) = &mut self.alerts else { return self.refuse("alerts") };
        match sink.take(&alerts, Work::default(), self.slot) {
            Ok(too_large) => match too_large.into_iter().next() {
                None => Answer::Go,
                Some(alert) => {
                    self.broken = Some(alert.message);
                    Answer::Fail
                }
            },
            Err(message) => {
                self.broken = Some(message);
                Answer::Fail
            }
        }
    }

    fn broken(&mut self, message: String) {
        self.broken = Some(message);
    }
}
