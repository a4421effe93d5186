//! The names that groups have in save points.
use std::fmt;
use std::str::FromStr;

/// What a saved group is called, among those of one [`Groups`](super::Groups): as text `w1700000000000.17` in a window, `-.17`
/// without one. What is saved besides groups is called `counters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// When the group's window begins, in milliseconds since 1970.
    pub window: Option<i64>,
    /// The group's number among those of its window; used again when it is gone.
    pub number: u32,
}

impl Slot {
    /// Where the counters are saved.
    pub const COUNTERS: Slot = Slot { window: None, number: u32::MAX };
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Slot::COUNTERS => f.write_str("counters"),
            Slot { window: Some(window), number } => write!(f, "w{window}.{number}"),
            Slot { window: None, number } => write!(f, "-.{number}"),
        }
    }
}

impl FromStr for Slot {
    type Err = String;

    fn from_str(text: &str) -> Result<Slot, String> {
        let read = || {
            if text == "counters" {
                return Some(Slot::COUNTERS);
            }
            let (window, number) = text.rsplit_once('.')?;
            let window = match window.strip_prefix('w') {
                Some(window) => Some(window.parse().ok()?),
                None => (window == "-").then_some(None)?,
            };
            Some(Slot { window, number: number.parse().ok()? })
        };
        // Two texts for one slot would be two entries of a store.
        let slot = read().filter(|slot| slot.to_string() == text);
        slot.ok_or_else(|| format!("`{text}` names no saved group"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_read_back() {
        for (slot, text) in [
            (Slot { window: Some(1_700_000_000_000), number: 17 }, "w1700000000000.17"),
            (Slot { window: Some(-5), number: 0 }, "w-5.0"),
            (Slot { window: None, number: 17 }, "-.17"),
            (Slot::COUNTERS, "counters"),
        ] {
            assert_eq!(slot.to_string(), text);
            assert_eq!(text.parse::<Slot>().unwrap(), slot);
        }
        for wrong in ["", "w.1", "-1.1", "w1", "-.", "w1.-1", "-.4294967296", "-.4294967295", "w01.1", "w1.+1"] {
            assert_eq!(wrong.parse::<Slot>().unwrap_err(), format!("`{wrong}` names no saved group"));
        }
    }
}
