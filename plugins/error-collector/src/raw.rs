//! Bytes that could not be read, as text.

use campanile_sdk::text;
use std::borrow::Cow;

/// The bytes as text, and how they are encoded there.
pub(crate) fn readable(raw: &[u8]) -> (Cow<'_, str>, &'static str) {
    match std::str::from_utf8(raw) {
        Ok(text) => (text.into(), "utf8"),
        Err(_) => {
            let mut encoded = Vec::new();
            text::write_base64(raw, &mut encoded);
            (String::from_utf8_lossy(&encoded).into_owned().into(), "base64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_other_bytes_are_base64() {
        assert_eq!(readable("{\"a\": ü".as_bytes()), ("{\"a\": ü".into(), "utf8"));
        assert_eq!(readable(&[0xff, 0xfe]), ("//4=".into(), "base64"));
        assert_eq!(readable(&[]), ("".into(), "utf8"));
    }
}
