//! How a run goes on.

use campanile_abi::text;

/// Whether a run ends, and whether it can be resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It ends with its input; one that failed begins anew.
    #[default]
    Plain,
    /// It ends with its input, and what it did is saved on the way: one that failed or was killed can be resumed.
    Durable,
    /// It never ends by itself, and is saved on the way.
    Live,
}

impl Mode {
    /// Whether the run never ends by itself.
    pub fn is_live(self) -> bool {
        self == Mode::Live
    }

    /// Whether the run is saved on the way and can be resumed: a live one always.
    pub fn is_durable(self) -> bool {
        self != Mode::Plain
    }

    /// From the host's answer; older hosts answer nothing.
    pub(crate) fn of(name: &str) -> Mode {
        match name {
            text::LIVE => Mode::Live,
            text::DURABLE => Mode::Durable,
            _ => Mode::Plain,
        }
    }

    /// What a host answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Plain => text::PLAIN,
            Mode::Durable => text::DURABLE,
            Mode::Live => text::LIVE,
        }
    }
}
