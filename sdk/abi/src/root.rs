//! The frozen root: the one thing that abi_stable lays out, checks and loads.

use abi_stable::StableAbi;
use abi_stable::library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult};
use abi_stable::package_version_strings;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;

pub use abi_stable::library::LibHeader as Header;

/// Stands behind a pointer for a table that its id names.
#[repr(C)]
#[derive(StableAbi)]
pub struct Opaque {
    _byte: u8,
}

/// What a library exports. Frozen: nothing may be added, renamed or removed.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef, prefix_fields = RootPrefix)))]
#[sabi(missing_field(panic))]
pub struct Root {
    /// The boundary's revision that the library was built for.
    pub abi_revision: u32,
    /// An interface by its id, at least at this revision; null means "not here".
    #[sabi(last_prefix_field)]
    pub interface: extern "C" fn(id: u32, min_revision: u32) -> *const Opaque,
}

impl RootModule for RootRef {
    abi_stable::declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "campanile_plugin";
    const NAME: &'static str = "campanile_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// The symbol that a library exports.
pub const SYMBOL: &[u8] = b"campanile_root_v1\0";

/// What answers for a library; implemented by the SDK's export macro.
pub trait Library {
    /// An interface of the library.
    extern "C" fn interface(id: u32, min_revision: u32) -> *const Opaque;
}

fn make<L: Library>() -> RootRef {
    Root { abi_revision: crate::ABI_REVISION, interface: L::interface }.leak_into_prefix()
}

extern "C" fn construct<L: Library>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(make::<L>)
}

/// The header that a library exports under [`SYMBOL`].
pub const fn header<L: Library>() -> LibHeader {
    // SAFETY: `construct` returns the prefix reference of a `RootRef`.
    unsafe { LibHeader::from_constructor::<RootRef>(construct::<L>, CheckTypeLayout::Yes) }
}
