//! All libraries that a host knows, and finding plugins in them.

use super::cache::CacheFolder;
use super::file::LibraryFile;
use super::linked::LinkedPlugin;
use super::load;
use super::problem::LibraryProblem;
use campanile_abi::load::Library;
use campanile_sdk::proxy::Plugin;
use campanile_sdk::{Build, Kind, Manifest, PluginManifest};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The libraries that a host knows. One that cannot be used is a problem, and never keeps the others from being used.
#[derive(Debug)]
pub struct Registry {
    libraries: Vec<LibraryEntry>,
    problems: Vec<LibraryProblem>,
    cache: CacheFolder,
}

/// A library that may be used.
#[derive(Debug)]
pub struct LibraryEntry {
    /// What its file says.
    pub file: LibraryFile,
    loaded: OnceLock<Result<(Library, String), LibraryProblem>>,
    /// By the plugin, where they are linked into the host.
    linked: Vec<Option<Plugin>>,
}

/// A plugin that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    library: usize,
    plugin: usize,
}

/// Which library a plugin shall come from, as far as it is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Artifact<'a> {
    /// The library's name.
    pub name: Option<&'a str>,
    /// Its version; without one the newest.
    pub version: Option<&'a str>,
    /// Its place in the registry, as [`Registry::add`] told it.
    pub library: Option<usize>,
}

impl Registry {
    /// A registry without libraries; private copies of those it loads go to `cache`.
    pub fn new(cache: CacheFolder) -> Registry {
        Registry { libraries: Vec::new(), problems: Vec::new(), cache }
    }

    /// Reads the manifests of all libraries in a folder. A folder that does not exist holds none.
    pub fn scan(&mut self, folder: &Path) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == std::env::consts::DLL_EXTENSION));
        paths.sort();
        for path in paths {
            if let Err(problem) = self.take(&path, true) {
                self.problems.push(problem);
            }
        }
    }

    /// Reads the manifest of one library that is named by its path. What it holds may stand in a folder too: whoever
    /// names it means this one.
    pub fn add(&mut self, path: &Path) -> Result<usize, LibraryProblem> {
        self.take(path, false)
    }

    fn take(&mut self, path: &Path, unique: bool) -> Result<usize, LibraryProblem> {
        let same = |library: &LibraryEntry| library.file.path == path || is_same_file(&library.file.path, path);
        if let Some(known) = self.libraries.iter().position(same) {
            return Ok(known);
        }
        let file = LibraryFile::read(path)?;
        load::check(&file)?;
        for plugin in file.manifest.plugins.iter().filter(|_| unique) {
            if let Some(other) = self.twin(&file, plugin) {
                return Err(LibraryProblem::new(
                    path,
                    format!(
                        "holds {} `{}` {}, which {} holds already",
                        plugin.kind,
                        plugin.name,
                        file.manifest.version,
                        other.display()
                    ),
                    "remove one of them, or give it another version",
                ));
            }
        }
        self.libraries.push(LibraryEntry { file, loaded: OnceLock::new(), linked: Vec::new() });
        Ok(self.libraries.len() - 1)
    }

    /// Adds plugins that are linked into the host, as if they stood in a library of this name and version. What a folder or a
    /// path adds later under the same names stands beside them.
    pub fn add_linked(&mut self, library: &str, version: &str, plugins: Vec<LinkedPlugin>) -> usize {
        let (plugins, linked) = plugins.into_iter().map(|plugin| (plugin.manifest, plugin.plugin)).unzip();
        let (library, version) = (library.to_owned(), version.to_owned());
        let manifest = Manifest { library, version, build: Build::default(), plugins };
        let file = LibraryFile::linked(manifest);
        self.libraries.push(LibraryEntry { file, loaded: OnceLock::new(), linked });
        self.libraries.len() - 1
    }

    /// A library that holds the same plugin in the same version.
    fn twin(&self, file: &LibraryFile, plugin: &PluginManifest) -> Option<&Path> {
        let same = |library: &&LibraryEntry| {
            let manifest = &library.file.manifest;
            manifest.version == file.manifest.version
                && manifest.plugins.iter().any(|other| other.kind == plugin.kind && other.name == plugin.name)
        };
        self.libraries.iter().find(same).map(|library| library.file.path.as_path())
    }

    /// The libraries that may be used.
    pub fn libraries(&self) -> &[LibraryEntry] {
        &self.libraries
    }

    /// The libraries that may not, and why.
    pub fn problems(&self) -> &[LibraryProblem] {
        &self.problems
    }

    /// All plugins, by name and kind.
    pub fn plugins(&self) -> Vec<Found> {
        let found = |(library, entry): (usize, &LibraryEntry)| {
            (0..entry.file.manifest.plugins.len()).map(move |plugin| Found { library, plugin }).collect::<Vec<_>>()
        };
        let mut plugins: Vec<Found> = self.libraries.iter().enumerate().flat_map(found).collect();
        plugins.sort_by_key(|found| {
            let manifest = self.manifest(*found);
            (manifest.kind, manifest.name.clone())
        });
        plugins
    }

    /// A plugin by kind and name, from the library asked for.
    pub fn find(&self, kind: Kind, name: &str, artifact: &Artifact<'_>) -> Option<Found> {
        let fits = |found: &Found| {
            let manifest = self.manifest(*found);
            manifest.kind == kind
                && manifest.name == name
                && artifact.library.is_none_or(|library| library == found.library)
                && artifact.name.is_none_or(|name| self.entry(*found).file.manifest.library == name)
                && artifact.version.is_none_or(|version| self.entry(*found).file.manifest.version == version)
        };
        let newest = |found: &Found| version_key(&self.entry(*found).file.manifest.version);
        // Of equals the last is taken: the one that was found first.
        self.plugins().into_iter().rev().filter(fits).max_by_key(newest)
    }

    /// The library that holds a plugin.
    pub fn entry(&self, found: Found) -> &LibraryEntry {
        &self.libraries[found.library]
    }

    /// What the library says of the plugin.
    pub fn manifest(&self, found: Found) -> &PluginManifest {
        &self.libraries[found.library].file.manifest.plugins[found.plugin]
    }

    /// Loads the library of a plugin, where that has not been done, and gives the plugin.
    pub fn load(&self, found: Found, pin: Option<&str>) -> Result<Plugin, LibraryProblem> {
        let entry = self.entry(found);
        if let Some(linked) = entry.linked.get(found.plugin) {
            if pin.is_some() {
                let message = "is linked into the host, and no file that can be pinned".to_owned();
                return Err(LibraryProblem::new(&entry.file.path, message, "leave `sha256` out"));
            }
            let broken = || LibraryProblem::new(&entry.file.path, "does not answer as its kind does", "build it again");
            return linked.ok_or_else(broken);
        }
        let loaded = entry.loaded.get_or_init(|| load::load(&entry.file, pin, &self.cache));
        let (library, sha256) = loaded.as_ref().map_err(Clone::clone)?;
        let problem = |message: String, hint: &str| LibraryProblem::new(&entry.file.path, message, hint);
        if let Some(pin) = pin
            && !pin.eq_ignore_ascii_case(sha256)
        {
            return Err(problem(
                format!("is not the file that was pinned (pinned sha256: {pin}, file: {sha256})"),
                "restore the file, or pin the new one if the change is meant",
            ));
        }
        let manifest = self.manifest(found);
        Plugin::new(library, found.plugin as u32, manifest.kind).ok_or_else(|| {
            problem(
                format!(
                    "says that `{}` is of the kind {}, but it does not answer as one",
                    manifest.name, manifest.kind
                ),
                "build it again",
            )
        })
    }
}

impl LibraryEntry {
    /// The hash of the file, once it has been loaded.
    pub fn sha256(&self) -> Option<&str> {
        self.loaded.get()?.as_ref().ok().map(|(_, sha256)| sha256.as_str())
    }
}

/// Whether two paths lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Versions in their order: numbers as numbers.
fn version_key(version: &str) -> Vec<(u64, String)> {
    let part = |part: &str| (part.parse().unwrap_or_default(), part.to_owned());
    version.split(['.', '-', '+']).map(part).collect()
}
