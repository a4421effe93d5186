//! What librdkafka says between calls: delivery reports, errors, log lines.

use crate::inbox::Inbox;
use campanile_sdk::{Level, Services};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the same error may be kept back: librdkafka says one again after 30 s.
const SAID_AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// Called by librdkafka from the thread that polls.
pub(crate) struct Listener {
    services: Services,
    heard: Mutex<Heard>,
    refused: Condvar,
    pub(crate) inbox: Inbox,
}

/// The last errors that concern no message.
#[derive(Default)]
struct Heard {
    refusal: Option<Refusal>,
    trouble: Option<String>,
}

/// A broker that does not let us in.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) why: Why,
    /// In librdkafka's words.
    pub(crate) reason: String,
    /// When it was heard first.
    pub(crate) since: Instant,
    last: Instant,
}

/// What a broker does not let us in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The credentials.
    Login,
    /// TLS: a certificate, or a side that does not speak it.
    Tls,
}

impl Listener {
    pub(crate) fn new(services: Services) -> Listener {
        Listener { services, heard: Mutex::default(), refused: Condvar::new(), inbox: Inbox::default() }
    }

    /// Forgets what it heard before, but for a refusal that may still stand without being said again.
    pub(crate) fn forget_trouble(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.trouble = None;
        heard.refusal.take_if(|refusal| refusal.last.elapsed() > SAID_AGAIN_WITHIN);
    }

    /// Forgets what it heard before: a broker took something.
    pub(crate) fn forget(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Heard::default();
    }

    /// Why a broker does not let us in, waiting a while for it.
    pub(crate) fn refusal_within(&self, patience: Duration) -> Option<Refusal> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.refused.wait_timeout_while(heard, patience, |heard| heard.refusal.is_none());
        wait.unwrap_or_else(PoisonError::into_inner).0.refusal.clone()
    }

    /// The last error that was heard.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let level = match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                Level::Error
            }
            RDKafkaLogLevel::Warning => Level::Warn,
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => Level::Info,
            RDKafkaLogLevel::Debug => Level::Debug,
        };
        self.services.log(level, format!("librdkafka: {facility}: {message}"));
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.services.log(Level::Warn, format!("librdkafka: {reason}"));
        let code = error.rdkafka_error_code();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match code {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => Some(Why::Login),
            Some(Code::SSL) => Some(Why::Tls),
            _ => None,
        };
        if let Some(why) = why {
            let now = Instant::now();
            let since = heard.refusal.as_ref().map_or(now, |refusal| refusal.since);
            heard.refusal = Some(Refusal { why, reason: reason.to_owned(), since, last: now });
            self.refused.notify_all();
        }
        // That all brokers are down says less than what came before it.
        if code != Some(Code::AllBrokersDown) || heard.trouble.is_none() {
            heard.trouble = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Listener {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let failure = match result {
            Ok(_) => None,
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(Code::Fail)),
        };
        self.inbox.put(ticket, failure);
    }
}
