//! Where messages are, on the command line.

use clap::Args;
use std::path::PathBuf;

/// The folder of what is kept.
#[derive(Debug, Args)]
pub(crate) struct DataFolder {
    /// The folder of what Campanile keeps: messages, tokens. Else CAMPANILE_DATA, else the platform's data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// Where messages are.
#[derive(Debug, Args)]
pub(crate) struct BackingArgs {
    /// Messages are in the folder `messaging` of this one. Else CAMPANILE_DATA, else the platform's data folder. A run that is
    /// given one is saved there on the way: its alerts survive a crash, and it can be resumed
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Messages are in this folder, or with the server at http://HOST:PORT or https://HOST:PORT
    #[arg(long, value_name = "FOLDER|URL")]
    pub(crate) messaging: Option<String>,
    /// A file with the token for a server. Else the variable CAMPANILE_TOKEN, else, for a server on this machine, the file
    /// `token` of the data folder
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A file of certificates, PEM, of authorities that are trusted beside those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}
