//! How brokers are reached, and as whom.

use campanile_sdk::{Error, Finding, Result};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// Whether TLS and SCRAM are built in.
const TLS: bool = cfg!(feature = "tls");
const BUILD_HINT: &str = "use a build with the feature `tls` of campanile-kafka, as releases have it";

/// How brokers are reached, and as whom.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Security {
    /// Whether there is a login, and whether what goes over the wire is encrypted.
    #[serde(default)]
    protocol: Protocol,
    /// How the login is proven; with a protocol that begins with `sasl`.
    mechanism: Option<Mechanism>,
    /// Who logs in.
    username: Option<String>,
    /// The password, best as `${secret(NAME)}`.
    password: Option<String>,
    /// A PEM file with the certificates of the authorities that the brokers' certificates may be from; the system's
    /// unless set.
    ca_file: Option<String>,
    /// A PEM file with the client's own certificate, where brokers ask for one.
    certificate_file: Option<String>,
    /// A PEM file with the key of that certificate.
    key_file: Option<String>,
    /// The password of that key, best as `${secret(NAME)}`.
    key_password: Option<String>,
}

/// Whether there is a login, and whether what goes over the wire is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Protocol {
    /// No login, no encryption.
    #[default]
    Plaintext,
    /// Encrypted.
    Tls,
    /// A login, not encrypted.
    SaslPlaintext,
    /// A login, encrypted.
    SaslTls,
}

/// How a login is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Mechanism {
    /// The password itself is sent.
    #[serde(rename = "PLAIN")]
    Plain,
    /// The password is not sent.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The password is not sent.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Protocol {
    fn written(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Tls => "tls",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslTls => "sasl_tls",
        }
    }

    /// The value of librdkafka's `security.protocol`.
    fn native(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Tls => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslTls => "sasl_ssl",
        }
    }

    fn has_login(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslTls)
    }

    fn has_tls(self) -> bool {
        matches!(self, Protocol::Tls | Protocol::SaslTls)
    }
}

impl Mechanism {
    fn written(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl Security {
    /// What is wrong with it. Opens nothing.
    pub(crate) fn check(&self) -> Vec<Finding> {
        self.check_for_build(TLS)
    }

    fn check_for_build(&self, tls: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let protocol = self.protocol.written();
        if self.protocol.has_tls() && !tls {
            let message = format!("`{protocol}` needs TLS, which is not in this build");
            findings.push(Finding::error("security.protocol", message).hint(BUILD_HINT));
        }
        match self.mechanism {
            Some(mechanism) if mechanism != Mechanism::Plain && !tls => {
                let message = format!("`{}` is not in this build", mechanism.written());
                findings.push(Finding::error("security.mechanism", message).hint(BUILD_HINT));
            }
            Some(Mechanism::Plain) if self.protocol == Protocol::SaslPlaintext => {
                let message = "the password goes over the network for all to read";
                findings.push(Finding::warning("security.mechanism", message).hint("use `sasl_tls`, or SCRAM"));
            }
            _ => {}
        }
        let login = [
            ("security.mechanism", self.mechanism.is_some()),
            ("security.username", is_said(&self.username)),
            ("security.password", is_said(&self.password)),
        ];
        for (path, there) in login {
            if self.protocol.has_login() && !there {
                let finding = Finding::error(path, format!("missing: the protocol `{protocol}` has a login"));
                findings.push(if path == "security.mechanism" {
                    finding.hint("write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
                } else {
                    finding
                });
            } else if there && !self.protocol.has_login() {
                let message = format!("the protocol `{protocol}` has no login");
                findings.push(Finding::error(path, message).hint("set `protocol` to `sasl_tls` or `sasl_plaintext`"));
            }
        }
        for (path, _, file) in self.files() {
            if file.is_some() && !self.protocol.has_tls() {
                let message = format!("the protocol `{protocol}` has no TLS");
                findings.push(Finding::error(path, message).hint("set `protocol` to `tls` or `sasl_tls`"));
            } else if file.is_some_and(str::is_empty) {
                findings.push(Finding::error(path, "the path is empty").hint("leave it out"));
            }
        }
        let partners = [
            ("security.certificateFile", self.certificate_file.is_none(), self.key_file.is_some(), "keyFile"),
            ("security.keyFile", self.key_file.is_none(), self.certificate_file.is_some(), "certificateFile"),
            ("security.keyFile", self.key_file.is_none(), self.key_password.is_some(), "keyPassword"),
        ];
        for (path, missing, wanted, by) in partners {
            if missing && wanted {
                findings.push(Finding::error(path, format!("missing: `{by}` is there")));
            }
        }
        findings
    }

    /// The files: property, librdkafka's name of it, path.
    fn files(&self) -> [(&'static str, &'static str, Option<&str>); 3] {
        [
            ("security.caFile", "ssl.ca.location", self.ca_file.as_deref()),
            ("security.certificateFile", "ssl.certificate.location", self.certificate_file.as_deref()),
            ("security.keyFile", "ssl.key.location", self.key_file.as_deref()),
        ]
    }

    /// Sets what librdkafka needs of it. Files that cannot be read are errors, which name property and path.
    pub(crate) fn apply(&self, config: &mut ClientConfig) -> Result<()> {
        let unreadable: Vec<Finding> = self.files().into_iter().filter_map(unreadable).collect();
        if !unreadable.is_empty() {
            return Err(Error::findings(unreadable));
        }
        for (name, value) in self.entries() {
            config.set(name, value);
        }
        Ok(())
    }

    /// Whether this setting of librdkafka is made here.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.entries().iter().any(|(entry, _)| *entry == name)
    }

    fn entries(&self) -> Vec<(&'static str, &str)> {
        let mut entries = Vec::new();
        if self.protocol != Protocol::Plaintext {
            entries.push(("security.protocol", self.protocol.native()));
        }
        if let Some(mechanism) = self.mechanism {
            entries.push(("sasl.mechanisms", mechanism.written()));
        }
        let texts = [
            ("sasl.username", self.username.as_deref()),
            ("sasl.password", self.password.as_deref()),
            ("ssl.key.password", self.key_password.as_deref()),
        ];
        let files = self.files().map(|(_, name, file)| (name, file));
        entries.extend(texts.into_iter().chain(files).filter_map(|(name, value)| Some((name, value?))));
        entries
    }

    /// Puts the names of our properties in place of librdkafka's, in what it says.
    pub(crate) fn in_our_words(&self, words: &str) -> String {
        let names = self.files().map(|(path, name, _)| (name, path));
        let more = [("ssl.key.password", "security.keyPassword"), ("sasl.mechanisms", "security.mechanism")];
        names.into_iter().chain(more).fold(words.to_owned(), |words, (name, path)| words.replace(name, path))
    }
}

/// Why the fields of a Kerberos login are not taken.
pub(crate) fn refuse_kerberos(principal: Option<&str>, keytab_location: Option<&str>) -> Vec<Finding> {
    let fields = [("principal", principal), ("keytabLocation", keytab_location)];
    let written = fields.into_iter().filter(|(_, value)| value.is_some_and(|value| !value.is_empty()));
    let refuse = |(path, _)| {
        let message = "Kerberos is not built in: this would do nothing";
        Finding::error(path, message).hint("leave it out, and log in by `security` with PLAIN or SCRAM")
    };
    written.map(refuse).collect()
}

fn is_said(value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|value| !value.is_empty())
}

fn unreadable((property, _, path): (&'static str, &'static str, Option<&str>)) -> Option<Finding> {
    let path = path?;
    let error = match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => "it is no file".to_owned(),
        Ok(_) => std::fs::File::open(path).err()?.to_string(),
        Err(error) => error.to_string(),
    };
    Some(Finding::error(property, format!("cannot read `{path}`: {error}")))
}
