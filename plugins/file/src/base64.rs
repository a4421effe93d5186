//! Bytes from base64, RFC 4648 §4; the SDK writes it.

/// Adds the bytes to `out`; false where the text is not base64 with padding.
pub(crate) fn decode(text: &str, out: &mut Vec<u8>) -> bool {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return false;
    }
    let padding = bytes.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    for chunk in digits.chunks(4) {
        let mut group = 0_u32;
        for &digit in chunk {
            let Some(value) = value(digit) else { return false };
            group = group << 6 | value;
        }
        group <<= 6 * (4 - chunk.len());
        let [_, decoded @ ..] = group.to_be_bytes();
        let count = chunk.len() - 1;
        // Bits that no byte takes are zero: there is one text for the same bytes.
        if decoded[count..].iter().any(|&byte| byte != 0) {
            return false;
        }
        out.extend_from_slice(&decoded[..count]);
    }
    true
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::text;

    #[test]
    fn bytes_come_back_as_they_were_written() {
        for len in 0..70 {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 89 + len) as u8).collect();
            let (mut written, mut read) = (Vec::new(), Vec::new());
            text::write_base64(&bytes, &mut written);
            assert!(decode(std::str::from_utf8(&written).unwrap(), &mut read));
            assert_eq!(read, bytes);
        }
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["A", "AB", "ABC", "AB=C", "====", "A===", "AB==CD==", "Zh==", "Zm9=", "Zm9v\n", "é==="] {
            assert!(!decode(text, &mut Vec::new()), "{text}");
        }
    }
}
