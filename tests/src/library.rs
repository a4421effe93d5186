//! The bytes of a library, to be changed.

use std::path::Path;

/// How a manifest begins: its magic and the format's number.
const MANIFEST: &[u8] = b"campanile plugin\x01\0\0\0";
/// Where an ELF file names its machine.
const MACHINE_AT: usize = 18;

/// The bytes of a library, to be changed without changing their number.
#[derive(Clone, Debug)]
pub struct Image(Vec<u8>);

impl Image {
    /// The bytes of this library.
    pub fn of(library: &Path) -> Image {
        Image(std::fs::read(library).unwrap_or_else(|error| panic!("{}: {error}", library.display())))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first half of the bytes.
    pub fn half(&self) -> &[u8] {
        &self.0[..self.0.len() / 2]
    }

    fn manifest(&self) -> usize {
        let at = self.0.windows(MANIFEST.len()).position(|window| window == MANIFEST);
        at.expect("a library has a manifest")
    }

    /// Puts other words in place of some in the manifest; shorter ones are filled up with spaces, which JSON allows.
    #[must_use]
    pub fn in_manifest(mut self, from: &str, to: &str) -> Image {
        let start = self.manifest();
        let at = self.0[start..].windows(from.len()).position(|window| window == from.as_bytes());
        let at = start + at.unwrap_or_else(|| panic!("the manifest has no {from}"));
        assert!(to.len() <= from.len(), "{to} is longer than {from}");
        self.0[at..at + from.len()].fill(b' ');
        self.0[at..at + to.len()].copy_from_slice(to.as_bytes());
        self
    }

    /// Puts other bytes of the same number in place of some, wherever they stand.
    #[must_use]
    pub fn everywhere(mut self, from: &str, to: &str) -> Image {
        assert_eq!(from.len(), to.len());
        let places: Vec<usize> =
            self.0.windows(from.len()).enumerate().filter(|(_, w)| *w == from.as_bytes()).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "there is no {from}");
        for at in places {
            self.0[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        self
    }

    /// Says that the manifest has so many sections.
    #[must_use]
    pub fn sections(mut self, count: u32) -> Image {
        let at = self.manifest() + MANIFEST.len();
        self.0[at..at + 4].copy_from_slice(&count.to_le_bytes());
        self
    }

    /// Says that the library is for another machine than this.
    #[must_use]
    pub fn other_machine(mut self) -> Image {
        const X86_64: u16 = 62;
        const AARCH64: u16 = 183;
        let here = u16::from_le_bytes([self.0[MACHINE_AT], self.0[MACHINE_AT + 1]]);
        let other = if here == X86_64 { AARCH64 } else { X86_64 };
        self.0[MACHINE_AT..MACHINE_AT + 2].copy_from_slice(&other.to_le_bytes());
        self
    }
}
