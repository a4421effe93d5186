//! The values of the secrets that a pipeline uses, kept to be taken out of every message.

use campanile_sdk::Finding;
use std::fmt;

/// What stands in a message where a secret stood.
const MASK: &str = "***";

/// The secrets that a pipeline uses. Printing it tells how many there are, and never what they are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Each value as it is and as JSON and Rust would quote it: messages often quote.
    forms: Vec<String>,
    count: usize,
}

impl Secrets {
    /// Remembers a value. An empty one hides nothing and is left out.
    pub fn add(&mut self, value: &str) {
        if value.is_empty() || self.forms.iter().any(|form| form == value) {
            return;
        }
        self.count += 1;
        let json = serde_json::Value::from(value).to_string();
        let rust = format!("{value:?}");
        for form in [value, inner(&json), inner(&rust)] {
            if !self.forms.iter().any(|known| known == form) {
                self.forms.push(form.to_owned());
            }
        }
    }

    /// How many secrets there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The finding with `***` wherever a secret stands in it.
    pub(crate) fn redacted(&self, finding: Finding) -> Finding {
        let hint = finding.hint.map(|hint| self.redact(&hint));
        Finding { message: self.redact(&finding.message), hint, ..finding }
    }

    /// The text with `***` wherever a secret stands in it. Overlapping secrets are covered as one.
    pub fn redact(&self, text: &str) -> String {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for form in &self.forms {
            // One character further each time: `aa` stands twice in `aaa`.
            let step = form.chars().next().map_or(1, char::len_utf8);
            let mut start = 0;
            while let Some(found) = text.get(start..).and_then(|rest| rest.find(form.as_str())) {
                spans.push((start + found, start + found + form.len()));
                start += found + step;
            }
        }
        spans.sort_unstable();
        let mut redacted = String::with_capacity(text.len());
        let mut end = 0;
        for (from, to) in spans {
            if from >= end {
                redacted.push_str(&text[end..from]);
                redacted.push_str(MASK);
            }
            end = end.max(to);
        }
        redacted.push_str(&text[end..]);
        redacted
    }
}

/// A quoted text without its quotes.
fn inner(quoted: &str) -> &str {
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(quoted)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.count)
    }
}

impl fmt::Display for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hidden", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(values: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        values.iter().for_each(|value| secrets.add(value));
        secrets
    }

    #[test]
    fn secrets_leave_messages() {
        let secrets = secrets(&["hunter2", "", "hunter2"]);
        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets.redact("login me:hunter2@host failed"), "login me:***@host failed");
        assert_eq!(secrets.redact("nothing here"), "nothing here");
    }

    #[test]
    fn overlapping_secrets_leave_no_end() {
        assert_eq!(secrets(&["abcd", "cdef"]).redact("xabcdefx"), "x***x");
        assert_eq!(secrets(&["aa"]).redact("aaa b"), "*** b");
        assert_eq!(secrets(&["ab", "abc"]).redact("abc"), "***");
    }

    #[test]
    fn quoted_secrets_leave_messages() {
        let secrets = secrets(&["say \"ü\"\n"]);
        let quoted = format!("json {} rust {:?}", serde_json::json!("say \"ü\"\n"), "say \"ü\"\n");
        assert_eq!(secrets.redact(&quoted), "json \"***\" rust \"***\"");
    }

    #[test]
    fn printing_tells_nothing() {
        let secrets = secrets(&["hunter2"]);
        assert_eq!(format!("{secrets:?} {secrets}"), "Secrets(1 hidden) 1 hidden");
    }

    proptest! {
        #[test]
        fn no_secret_is_left(values in proptest::collection::vec("[abü\"\\\\]{1,4}", 0..4), text in "[abüc\"\\\\ ]{0,40}") {
            let mut secrets = Secrets::default();
            values.iter().for_each(|value| secrets.add(value));
            let redacted = secrets.redact(&text);
            for value in &values {
                prop_assert!(!redacted.contains(value.as_str()));
            }
        }
    }
}
