//! The few commands a client must know by name: their replies, effects or secrets concern it.

/// A request, for questions about it. Words compare without case, as the server's do.
#[derive(Clone, Copy)]
pub struct Words<'a>(pub &'a [Vec<u8>]);

impl<'a> Words<'a> {
    fn at(self, i: usize) -> &'a [u8] {
        self.0.get(i).map_or(b"", Vec::as_slice)
    }

    /// The command is this one, whatever its arguments.
    pub fn is(self, name: &str) -> bool {
        self.at(0).eq_ignore_ascii_case(name.as_bytes())
    }

    /// Word `i` is one of these.
    fn one_of(self, i: usize, names: &[&str]) -> bool {
        names.iter().any(|name| self.at(i).eq_ignore_ascii_case(name.as_bytes()))
    }

    pub fn len(self) -> usize {
        self.0.len()
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Commands that are confirmed by one message for each channel.
    pub fn subscribes(self) -> bool {
        self.one_of(0, &["subscribe", "psubscribe", "ssubscribe"])
    }

    pub fn unsubscribes(self) -> bool {
        self.one_of(0, &["unsubscribe", "punsubscribe", "sunsubscribe"])
    }

    /// The reply is a page of text, to be shown as it is.
    pub fn answers_with_a_page(self) -> bool {
        let n = self.len();
        self.one_of(0, &["info", "lolwut"])
            || self.is("debug") && self.one_of(1, &["htstats", "htstats-key", "client-eviction"])
            || self.is("memory") && self.one_of(1, &["malloc-stats", "doctor"])
            || self.is("cluster") && n == 2 && self.one_of(1, &["nodes", "info"])
            || self.is("client") && self.one_of(1, &["list", "info"])
            || self.is("latency") && n == 3 && self.one_of(1, &["graph"])
            || self.is("latency") && n == 2 && self.one_of(1, &["doctor"])
    }

    /// Holds a secret, which must not reach the history file.
    pub fn is_sensitive(self) -> bool {
        let n = self.len();
        let secret_options = [
            "masterauth",
            "masteruser",
            "tls-key-file-pass",
            "tls-client-key-file-pass",
            "requirepass",
        ];
        self.is("auth")
            || self.is("acl") && self.one_of(1, &["deluser", "setuser", "getuser"])
            || self.is("config")
                && self.one_of(1, &["set"])
                && (2..n).step_by(2).any(|i| self.one_of(i, &secret_options))
            || self.is("hello") && (2..n).any(|i| self.one_of(i, &["auth"]))
            || self.is("migrate") && (6..n).any(|i| self.one_of(i, &["auth", "auth2"]))
            || self.is("sentinel")
                && (2..n).any(|i| {
                    self.one_of(i, &["sentinel-pass", "sentinel-user", "auth-pass", "auth-user"])
                })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn passwords_stay_out_of_the_history() {
        for line in [
            "AUTH x",
            "acl setuser me >x",
            "CONFIG SET maxmemory 1gb requirepass x",
            "HELLO 3 AUTH me x",
            "MIGRATE h 6379 k 0 1000 COPY AUTH x",
            "SENTINEL SET main auth-pass x",
        ] {
            assert!(Words(&words(line)).is_sensitive(), "{line}");
        }
        for line in ["GET requirepass", "CONFIG GET requirepass", "HELLO 3", "ACL WHOAMI"] {
            assert!(!Words(&words(line)).is_sensitive(), "{line}");
        }
    }

    #[test]
    fn pages_of_text_are_known_by_command_and_subcommand() {
        for (line, page) in [
            ("INFO", true),
            ("info memory", true),
            ("CLIENT LIST", true),
            ("client id", false),
            ("LATENCY DOCTOR", true),
            ("LATENCY GRAPH command", true),
            ("CLUSTER NODES", true),
            ("CLUSTER SLOTS", false),
            ("GET info", false),
        ] {
            assert_eq!(Words(&words(line)).answers_with_a_page(), page, "{line}");
        }
    }
}
