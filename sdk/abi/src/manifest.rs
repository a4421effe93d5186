//! The manifest: plain bytes in the library, readable without running a line of it.
//!
//! Layout: [`MAGIC`], the format as `u32`, the number of sections as `u32`, then each section as its length (`u32`) and
//! its bytes; numbers are little-endian. Section 0 is JSON about the library, section 1 JSON about its build; then
//! three for each plugin, in its order: the widget (JSON), the JSON Schema of its properties, the README (Markdown); each may be empty.

/// How a manifest begins.
pub const MAGIC: [u8; 16] = *b"campanile plugin";
/// The layout's number.
pub const FORMAT: u32 = 1;
/// The symbol and the section that hold the manifest.
pub const SYMBOL: &str = "CAMPANILE_MANIFEST_V1";
/// The ELF section.
pub const SECTION: &str = ".campanile";
/// A manifest larger than this is refused, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// How many bytes a manifest of these sections takes.
pub const fn size(sections: &[&[u8]]) -> usize {
    let mut size = MAGIC.len() + 8;
    let mut i = 0;
    while i < sections.len() {
        size += 4 + sections[i].len();
        i += 1;
    }
    size
}

/// A manifest of these sections, made while the plugin is compiled.
pub const fn build<const N: usize>(sections: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = put(&mut bytes, 0, &MAGIC);
    at = put(&mut bytes, at, &FORMAT.to_le_bytes());
    at = put(&mut bytes, at, &(sections.len() as u32).to_le_bytes());
    let mut i = 0;
    while i < sections.len() {
        at = put(&mut bytes, at, &(sections[i].len() as u32).to_le_bytes());
        at = put(&mut bytes, at, sections[i]);
        i += 1;
    }
    assert!(at == N, "a manifest is as long as its sections");
    bytes
}

const fn put<const N: usize>(bytes: &mut [u8; N], at: usize, from: &[u8]) -> usize {
    let mut i = 0;
    while i < from.len() {
        bytes[at + i] = from[i];
        i += 1;
    }
    at + from.len()
}
