//! The files that a path names.

use crate::input::DASH;
use campanile_sdk::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};

/// Files that a path may match.
const MAX_FILES: usize = 100_000;

/// The files of a path that are there by now, in the order of their names; a path that is no pattern is a file that may come.
pub(crate) fn expand_now(path: &str) -> Result<Vec<PathBuf>> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(folder(path)),
        Err(_) if is_pattern(path) => matching(path),
        _ => Ok(vec![path.into()]),
    }
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files of a path, a pattern or `-`, in the order of their names. None, or a folder, is an error.
pub(crate) fn expand(path: &str) -> Result<Vec<PathBuf>> {
    if path == DASH {
        return Ok(vec![path.into()]);
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(folder(path)),
        Ok(_) => return Ok(vec![path.into()]),
        Err(_) if is_pattern(path) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::config(format!("there is no file `{path}`: check property `path`")));
        }
        Err(error) => return Err(Error::from(error).context(format!("cannot open `{path}`"))),
    }
    let files = matching(path)?;
    if files.is_empty() {
        return Err(Error::config(format!("no file matches `{path}`: check property `path`")));
    }
    Ok(files)
}

/// The files of a pattern.
fn matching(path: &str) -> Result<Vec<PathBuf>> {
    let matches =
        glob::glob(path).map_err(|error| Error::config(format!("`{path}` is no pattern for files: {error}")))?;
    let mut files = Vec::new();
    for found in matches {
        let found = match found {
            Ok(found) => found,
            // A folder that went away meanwhile.
            Err(error) if error.error().kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::from(error).context(format!("cannot look for `{path}`"))),
        };
        if !found.is_dir() {
            files.push(found);
        }
        if files.len() > MAX_FILES {
            return Err(Error::config(format!("`{path}` matches more than {MAX_FILES} files: read fewer at a time")));
        }
    }
    files.sort();
    Ok(files)
}

fn folder(path: &str) -> Error {
    let pattern = Path::new(path).join("*.jsonl");
    Error::config(format!("`{path}` is a folder: name its files, for example `{}`", pattern.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_pattern_come_in_the_order_of_their_names_without_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jsonl", "a.jsonl", "c.txt", "[x].jsonl"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.jsonl")).unwrap();
        let at = |name: &str| folder.path().join(name);
        let names = |pattern: &str| expand(at(pattern).to_str().unwrap());
        assert_eq!(names("*.jsonl").unwrap(), [at("[x].jsonl"), at("a.jsonl"), at("b.jsonl")]);
        assert_eq!(names("[x].jsonl").unwrap(), [at("[x].jsonl")], "a file may have the name of a pattern");
        assert_eq!(names("[ab].jsonl").unwrap(), [at("a.jsonl"), at("b.jsonl")]);
        assert_eq!(expand("-").unwrap(), [PathBuf::from("-")]);
    }

    #[test]
    fn nothing_to_read_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let message = |name: &str| expand(folder.path().join(name).to_str().unwrap()).unwrap_err().to_string();
        assert!(message("").contains("is a folder: name its files, for example"), "{}", message(""));
        assert!(message("none.jsonl").contains("there is no file"));
        assert!(message("*.jsonl").contains("no file matches"));
        assert!(message("***").contains("is no pattern for files"));
    }
}
