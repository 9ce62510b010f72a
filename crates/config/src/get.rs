//! CONFIG GET.

use base::glob::glob_match;

use crate::option::OptId;
use crate::options;
use crate::values::Config;

impl Config {
    /// `(name, text)` of every option that one of `patterns` names, each once, in the order asked.
    ///
    /// As in Redis an alias is a name of its own; a name without wildcards is answered as the
    /// client spelt it; hidden options answer to such names only.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, OptId)> = Vec::new();
        let add = |name: &[u8], id, found: &mut Vec<(Vec<u8>, OptId)>| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_vec(), id));
            }
        };
        for pattern in patterns {
            if !pattern.iter().any(|c| b"[*?".contains(c)) {
                if let Some((id, _)) = options::lookup(pattern) {
                    add(pattern, id, &mut found);
                }
                continue;
            }
            for id in options::all().filter(|id| !id.opt().is_hidden) {
                for name in id.opt().names() {
                    if glob_match(pattern, name.as_bytes(), true) {
                        add(name.as_bytes(), id, &mut found);
                    }
                }
            }
        }
        found.into_iter().map(|(name, id)| (name, self.printed(id))).collect()
    }
}
