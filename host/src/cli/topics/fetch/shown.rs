//! Messages as they are printed.

use crate::cli::output::{Unprinted, counted, say};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use campanile_messaging::MessageId;
use jiff::Timestamp;
use serde_json::json;
use std::io::{ErrorKind, Write};

/// What is printed of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The payload alone.
    Payload,
    /// Id and time in front of it.
    Ids,
    /// All as JSON.
    Json,
}

/// Prints messages, and counts those that are no text.
#[derive(Debug)]
pub(super) struct Shown {
    form: Form,
    binary: usize,
}

impl Shown {
    pub(super) fn new(form: Form) -> Shown {
        Shown { form, binary: 0 }
    }

    /// Prints messages; false if nobody reads them any more.
    pub(super) fn print(&mut self, messages: &[(MessageId, Vec<u8>)]) -> anyhow::Result<bool> {
        let mut text = Vec::new();
        for (id, payload) in messages {
            self.write(*id, payload, &mut text);
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(&text).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Unprinted(error).into()),
            Ok(()) => Ok(true),
        }
    }

    fn write(&mut self, id: MessageId, payload: &[u8], out: &mut Vec<u8>) {
        let text = std::str::from_utf8(payload);
        if self.form == Form::Json {
            let line = match text {
                Ok(text) => json!({ "id": id.to_string(), "time": time(id), "payload": text }),
                Err(_) => {
                    json!({ "id": id.to_string(), "time": time(id), "payloadBase64": STANDARD.encode(payload) })
                }
            };
            out.extend_from_slice(line.to_string().as_bytes());
        } else {
            if self.form == Form::Ids {
                out.extend_from_slice(format!("{id} {} ", time(id)).as_bytes());
            }
            match text {
                Ok(_) => out.extend_from_slice(payload),
                Err(_) => {
                    self.binary += 1;
                    out.extend_from_slice(STANDARD.encode(payload).as_bytes());
                }
            }
        }
        out.push(b'\n');
    }

    /// Says what cannot be seen from what was printed.
    pub(super) fn tell(&self) {
        if self.binary > 0 {
            let messages = counted(self.binary, "message");
            say(format_args!("{messages} of bytes that are no text: printed as base64; --json tells them apart"));
        }
    }
}

/// When it was published.
fn time(id: MessageId) -> String {
    let ms = i64::try_from(id.timestamp_ms).unwrap_or(i64::MAX);
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(form: Form) -> String {
        let mut shown = Shown::new(form);
        let mut out = Vec::new();
        shown.write(MessageId::new(1_500, 1), b"caf\xc3\xa9", &mut out);
        shown.write(MessageId::new(1_500, 2), b"\xff\x00", &mut out);
        assert_eq!(shown.binary, usize::from(form != Form::Json));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_message_is_a_line() {
        assert_eq!(printed(Form::Payload), "café\n/wA=\n");
        assert_eq!(
            printed(Form::Ids),
            "00000000000005dc000100000000000000000000 1970-01-01T00:00:01.500Z café\n\
             00000000000005dc000200000000000000000000 1970-01-01T00:00:01.500Z /wA=\n"
        );
        assert_eq!(
            printed(Form::Json),
            "{\"id\":\"00000000000005dc000100000000000000000000\",\"time\":\"1970-01-01T00:00:01.500Z\",\"payload\":\"café\"}\n\
             {\"id\":\"00000000000005dc000200000000000000000000\",\"time\":\"1970-01-01T00:00:01.500Z\",\"payloadBase64\":\"/wA=\"}\n"
        );
    }
}
