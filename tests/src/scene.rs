//! A folder of a test's own, with the binary and the libraries in it.

use crate::{Ended, Pipeline, Report, Running};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder of a test's own. In its `bin` lie the binary and, beside it, where it looks for them, the bundled plugins.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
    /// Where cargo puts the libraries it builds for the tests.
    built: PathBuf,
    cache: PathBuf,
}

impl Scene {
    /// A scene with this binary and all plugins that are bundled with it.
    ///
    /// # Panics
    /// If the folder or a link in it cannot be made. So with everything in this package: a test that cannot go on fails.
    pub fn new(binary: &str) -> Scene {
        let test = std::env::current_exe().expect("a test knows its binary");
        let built = test.parent().expect("it lies in a folder").to_owned();
        // Beside what was built, so that the binary can be linked: its name then tells where to look for plugins.
        let scenes = built.join("../scenes");
        fs::create_dir_all(&scenes).expect("the build folder can be written");
        let scenes = scenes.canonicalize().expect("it was just made");
        let folder = TempDir::new_in(&scenes).expect("the build folder can be written");
        let scene = Scene { folder, built, cache: scenes.join("libraries") };
        fs::create_dir(scene.path("bin")).expect("a fresh folder");
        fs::hard_link(binary, scene.path("bin/campanile")).expect("the binary was built");
        for name in scene.bundled() {
            scene.link(&name);
        }
        scene
    }

    /// The names of the bundled plugins' libraries.
    fn bundled(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.built).expect("it holds the test");
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with("libcampanile_") && name.ends_with(".so") && !name.contains('-')).collect()
    }

    fn link(&self, library: &str) {
        let built = self.built.join(library);
        assert!(built.is_file(), "{library} was not built: is its package a dev-dependency?");
        std::os::unix::fs::symlink(built, self.path("bin").join(library)).expect("a fresh folder");
    }

    /// Puts the libraries of fixtures beside the binary too: `misbehaving`, `well_behaved`, `liar`.
    #[must_use]
    pub fn with(self, fixtures: &[&str]) -> Scene {
        fixtures.iter().for_each(|fixture| self.link(&format!("libfixture_{fixture}.so")));
        self
    }

    /// The file of a built library, such as `campanile_threshold` or `fixture_misbehaving`.
    pub fn built(&self, library: &str) -> PathBuf {
        self.built.join(format!("lib{library}.so"))
    }

    /// A path in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder as text, for properties.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file, and the folders it stands in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a path in a folder")).expect("a folder of our own");
        fs::write(&path, content).expect("a folder of our own");
        path
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}; there is {:?}", self.names()))
    }

    /// Reads a file of JSON lines.
    pub fn lines(&self, name: &str) -> Vec<Value> {
        let json = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"));
        self.read(name).lines().map(json).collect()
    }

    /// What lies in the folder, in order, but for `bin`, pipelines and reports.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder of our own");
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !matches!(name.as_str(), "bin" | "pipeline.json" | "report.json"));
        names.sort();
        names
    }

    /// The binary, to be started in the folder.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(self.path("bin/campanile"));
        command.current_dir(self.folder.path()).args(args).env("CAMPANILE_CACHE", &self.cache);
        // What is kept where nobody says so is kept here.
        command.env("XDG_DATA_HOME", self.path("home"));
        for variable in ["CAMPANILE_PLUGINS", "CAMPANILE_SECRETS", "CAMPANILE_DATA", "CAMPANILE_TOKEN", "RUST_LOG"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the binary to its end.
    pub fn campanile<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Running::start(self.command(args)).wait()
    }

    /// Writes the pipeline to `pipeline.json`.
    pub fn pipeline(&self, pipeline: &Pipeline) -> PathBuf {
        self.write("pipeline.json", pipeline.json())
    }

    /// Starts a run of the pipeline; its report will be `report.json`.
    pub fn start(&self, pipeline: &Pipeline, args: &[&str]) -> Running {
        self.pipeline(pipeline);
        let run = ["run", "pipeline.json", "--report", "report.json"];
        Running::start(self.command(run.iter().chain(args)))
    }

    /// Runs the pipeline to its end.
    pub fn run(&self, pipeline: &Pipeline) -> Ended {
        self.run_with(pipeline, &[])
    }

    /// Runs the pipeline with more words on the command line.
    pub fn run_with(&self, pipeline: &Pipeline, args: &[&str]) -> Ended {
        self.start(pipeline, args).wait()
    }

    /// Runs a pipeline that has to be completed.
    pub fn completes(&self, pipeline: &Pipeline) -> Report {
        let ended = self.run(pipeline);
        ended.code_is(0);
        let report = self.report();
        assert_eq!(report.status(), "COMPLETED", "{ended}");
        report
    }

    /// Runs a pipeline that has to fail, because of this stage.
    pub fn fails_at(&self, pipeline: &Pipeline, stage: &str) -> (Ended, Report) {
        let ended = self.run(pipeline);
        ended.code_is(1);
        let report = self.report();
        assert_eq!(report.status(), "FAILED", "{ended}");
        assert_eq!(report.reason().0, stage, "{ended}");
        (ended, report)
    }

    /// The report of the last run.
    pub fn report(&self) -> Report {
        Report::new(serde_json::from_str(&self.read("report.json")).expect("a report is JSON"))
    }
}
