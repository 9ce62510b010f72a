//! Commands that other servers have: what a configuration may name although we do not run it.
//!
//! People forbid what they do not want: `-replicaof` in an ACL file, `rename-command MODULE ""`. A
//! server that lacks the command has nothing to forbid, and must start all the same. The names are
//! those of Redis and Valkey in `docs/data/commands.tsv`, from which COMPAT.md is made.

const LIST: &str = include_str!("../../../docs/data/commands.tsv");

/// Whether Redis or Valkey has such a command, `name`, or subcommand, `name|sub`.
pub fn knows(name: &[u8]) -> bool {
    names().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

fn names() -> impl Iterator<Item = &'static str> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split('\t').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_subcommands_are_known_in_any_case() {
        for name in ["cluster", "CLUSTER|slots", "replicaof", "Get", "module|list"] {
            assert!(knows(name.as_bytes()), "{name}");
        }
        for name in ["", "cluster slots", "cluster|", "cluster|nope", "getx", "#", "|"] {
            assert!(!knows(name.as_bytes()), "{name}");
        }
    }
}
