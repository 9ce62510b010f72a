//! Tests of `config` through its public face, one file per face.

use std::collections::BTreeMap;
use std::io;

use config::{Config, Files, Host};

mod get;
mod load;
mod rewrite;
mod sample;
mod set;
mod table;

fn host() -> Host {
    Host { cores: 1, dir: "/srv".to_owned() }
}

fn config() -> Config {
    Config::new(&host())
}

/// A file system of a few texts.
#[derive(Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    fn of(files: &[(&str, &str)]) -> Memory {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        Memory(files.iter().map(file).collect())
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::Error::from_raw_os_error(2))
    }

    fn matching(&self, pattern: &str) -> Vec<String> {
        let is_match =
            |path: &&String| base::glob::glob_match(pattern.as_bytes(), path.as_bytes(), false);
        self.0.keys().filter(is_match).cloned().collect()
    }
}

/// CONFIG GET of one name, as text.
fn get(config: &Config, name: &str) -> String {
    let found = config.get(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "{name}");
    String::from_utf8_lossy(&found[0].1).into_owned()
}

/// CONFIG SET of one option, in force at once; the error's text if refused.
fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    set_all(config, &[(name, value)])
}

fn set_all(config: &mut Config, pairs: &[(&str, &str)]) -> Result<(), String> {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let plan = config.plan_set(&pairs, config::SetBy::default()).map_err(|e| e.to_string())?;
    config.commit(plan);
    Ok(())
}
