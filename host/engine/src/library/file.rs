//! Reading a library's file: what it is, and the manifest in it, without running a line of it.

use super::problem::LibraryProblem;
use campanile_abi::manifest::{MAX_BYTES, SECTION, SYMBOL};
use campanile_sdk::Manifest;
use object::read::{ReadCache, ReadRef};
use object::{Object, ObjectSection, ObjectSymbol};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A library as its file describes it.
#[derive(Clone, Debug)]
pub struct LibraryFile {
    /// The file.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Whether it looks for other libraries beside itself, and so cannot be moved.
    pub(super) needs_its_folder: bool,
    /// The newest version of glibc that it needs.
    pub(super) glibc: Option<(u32, u32)>,
}

const BUILD_HINT: &str = "a plugin library is a cdylib whose lib.rs calls `campanile_sdk::export_plugin!`";

impl LibraryFile {
    /// What stands for a library whose plugins are linked into the host: there is no file.
    pub(super) fn linked(manifest: Manifest) -> LibraryFile {
        let path = PathBuf::from(format!("<linked in: {}>", manifest.library));
        LibraryFile { path, manifest, needs_its_folder: false, glibc: None }
    }

    /// Reads a library's file.
    pub fn read(path: &Path) -> Result<LibraryFile, LibraryProblem> {
        let problem = |message: String, hint: &str| LibraryProblem::new(path, message, hint);
        let metadata = std::fs::metadata(path)
            .map_err(|error| problem(format!("cannot be read: {error}"), "check the path and its permissions"))?;
        if !metadata.is_file() {
            return Err(problem("is not a regular file".to_owned(), "name the library itself, such as libmine.so"));
        }
        let file =
            File::open(path).map_err(|error| problem(format!("cannot be read: {error}"), "check its permissions"))?;
        let cache = ReadCache::new(file);
        // What begins as a library does is one that was damaged; anything else never was one.
        let begins_as_one = (&cache).read_bytes_at(0, 4).is_ok_and(|bytes| bytes == b"\x7fELF");
        let not_a_library = |error: object::Error| {
            if begins_as_one {
                return problem(format!("is cut off or damaged: {error}"), "copy or build it again");
            }
            problem(format!("is not a shared library: {error}"), BUILD_HINT)
        };
        let object = object::File::parse(&cache).map_err(not_a_library)?;
        check_machine(path, &object)?;
        let manifest = manifest_bytes(&object)
            .map_err(|error| problem(format!("is cut off or damaged: {error}"), "copy or build it again"))?
            .ok_or_else(|| {
                if exports_root(&object) {
                    problem(
                        "exports the plugin root, but has no manifest".to_owned(),
                        "build it again, without stripping",
                    )
                } else {
                    problem("has no manifest, so it is no plugin library".to_owned(), BUILD_HINT)
                }
            })?;
        let manifest = Manifest::read(manifest)
            .map_err(|error| problem(format!("has a manifest that cannot be read: {error}"), "build it again"))?;
        whole(path, &object, metadata.len())?;
        let glibc = newest_glibc(&object);
        let needs_its_folder = object
            .section_by_name(".dynstr")
            .and_then(|section| section.data().ok())
            .is_some_and(|strings| strings.windows(7).any(|window| window == b"$ORIGIN"));
        Ok(LibraryFile { path: path.to_owned(), manifest, needs_its_folder, glibc })
    }
}

/// A library of another machine is told apart from a damaged one.
fn check_machine<'a, R: ReadRef<'a>>(path: &Path, object: &object::File<'a, R>) -> Result<(), LibraryProblem> {
    use object::{Architecture, BinaryFormat};
    let (plugin_format, plugin_machine) = (object.format(), object.architecture());
    let host_format = if cfg!(target_os = "macos") { BinaryFormat::MachO } else { BinaryFormat::Elf };
    let host_machine = match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Aarch64,
        _ => plugin_machine,
    };
    if (plugin_format, plugin_machine) != (host_format, host_machine) {
        return Err(LibraryProblem::new(
            path,
            format!(
                "was built for another machine (host: {host_format:?} {host_machine:?}, plugin: {plugin_format:?} \
                 {plugin_machine:?})"
            ),
            format!("build it with --target for {}-{}", std::env::consts::ARCH, std::env::consts::OS),
        ));
    }
    Ok(())
}

/// The manifest by its symbol, or else by its section.
fn manifest_bytes<'a, R: ReadRef<'a>>(object: &object::File<'a, R>) -> Result<Option<&'a [u8]>, String> {
    let is_ours = |name: &str| name.strip_prefix('_').unwrap_or(name) == SYMBOL || name == SYMBOL;
    let symbol = object.dynamic_symbols().find(|symbol| symbol.name().is_ok_and(is_ours));
    if let Some(symbol) = symbol {
        let section = symbol.section_index().ok_or("its manifest is in no section")?;
        let section = object.section_by_index(section).map_err(|error| error.to_string())?;
        let data = section.data().map_err(|error| error.to_string())?;
        let start = symbol.address().checked_sub(section.address()).ok_or("its manifest is outside its section")?;
        let (start, size) = (start as usize, symbol.size() as usize);
        if size > MAX_BYTES {
            return Err(format!("its manifest takes {size} bytes, more than {MAX_BYTES}"));
        }
        let end = start.checked_add(size).ok_or("its manifest has no end")?;
        return data.get(start..end).map(Some).ok_or_else(|| "its manifest is cut off".to_owned());
    }
    match object.section_by_name(SECTION) {
        Some(section) => section.data().map(Some).map_err(|error| error.to_string()),
        None => Ok(None),
    }
}

/// A plugin that lost its manifest is told apart from another program's library.
fn exports_root<'a, R: ReadRef<'a>>(object: &object::File<'a, R>) -> bool {
    let root = campanile_abi::root::SYMBOL.strip_suffix(b"\0").unwrap_or_default();
    object
        .dynamic_symbols()
        .any(|symbol| symbol.name_bytes().is_ok_and(|name| name.strip_prefix(b"_").unwrap_or(name) == root))
}

/// A library that is shorter than its parts say would take the process down when it is loaded.
fn whole<'a, R: ReadRef<'a>>(path: &Path, object: &object::File<'a, R>, len: u64) -> Result<(), LibraryProblem> {
    use object::ObjectSegment;
    let end = object.segments().map(|segment| segment.file_range()).map(|(start, size)| start.saturating_add(size));
    match end.max() {
        Some(end) if end > len => Err(LibraryProblem::new(
            path,
            format!("is cut off: it has {len} bytes where {end} are needed"),
            "copy or build it again",
        )),
        _ => Ok(()),
    }
}

fn newest_glibc<'a, R: ReadRef<'a>>(object: &object::File<'a, R>) -> Option<(u32, u32)> {
    let strings = object.section_by_name(".dynstr")?.data().ok()?;
    let versions = strings.split(|&byte| byte == 0).filter_map(|name| {
        let version = std::str::from_utf8(name.strip_prefix(b"GLIBC_")?).ok()?;
        let (major, minor) = version.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    });
    versions.max()
}
