//! Sizes on the command line: bytes, with or without a unit.

/// The bytes that a text such as `64MB`, `256MiB` or `1000` tells.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim_start()));
    let bytes = unit.and_then(|(_, factor)| number.parse::<u64>().ok()?.checked_mul(*factor));
    bytes.ok_or_else(|| "write a number of bytes, or one with a unit such as 64MB, 256MiB or 1GiB".to_owned())
}

/// As [`parse`], and at least one byte that fits into memory.
pub(super) fn parse_bound(text: &str) -> Result<usize, String> {
    match usize::try_from(parse(text)?) {
        Ok(0) => Err("one byte is the least".to_owned()),
        bound => bound.map_err(|_| "that is more than this machine can address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood() {
        for (text, bytes) in
            [("0", 0), ("1000", 1_000), ("64MB", 64_000_000), ("1 gib", 1 << 30), ("256MiB", 256 << 20)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MB", "-1", "1.5GB", "12 parsecs", "99999999999999999999", "99999999999999GB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse_bound("0").is_err() && parse_bound("1") == Ok(1));
    }
}
