//! The folder of what is kept, where nobody names another.

use std::env;
use std::path::PathBuf;

/// The variable that names it.
pub(crate) const VARIABLE: &str = "CAMPANILE_DATA";

/// The folder that was given, or that of the environment, or the platform's.
pub(crate) fn data_folder(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    let folder = given.or_else(|| variable(VARIABLE).filter(|folder| !folder.as_os_str().is_empty()));
    folder.or_else(|| of_platform(variable("XDG_DATA_HOME"), env::home_dir())).ok_or_else(|| {
        anyhow::anyhow!("there is no home folder to keep messages in: name a folder with --data or {VARIABLE}")
    })
}

/// Where programs of this platform keep their data.
fn of_platform(data_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // A relative path there is to be ignored, says the specification.
    let data_home = data_home.filter(|folder| folder.is_absolute());
    let usual = || {
        let home = home.filter(|home| home.is_absolute())?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" }))
    };
    Some(data_home.or_else(usual)?.join("campanile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_folder_is_used_where_nothing_is_said() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(of_platform(path("/data"), path("/home/ada")), path("/data/campanile"));
        let usual = of_platform(None, path("/home/ada"));
        assert!(usual.is_some_and(|folder| folder.starts_with("/home/ada") && folder.ends_with("campanile")));
        assert_eq!(of_platform(path("data"), path("/home/ada")), of_platform(None, path("/home/ada")));
        assert_eq!(of_platform(None, None), None);
    }
}
