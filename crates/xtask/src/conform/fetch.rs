//! The suite itself: Redis's source, from Debian's source package, and what it needs.
//!
//! The source is downloaded once into the cache, by apt with a configuration directory of its
//! own, so the machine's package sources stay as they are. Apt's trust in the mirror does not
//! matter here: the archive must have the SHA-256 that [`Suite`] says, or it is refused.
//!
//! ```text
//!  ~/.cache/ochre/fetch-PID/      apt's state and the archive, while fetching
//!  ~/.cache/ochre/redis-7.0.15/   the unpacked source; tests/ is the suite
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::suite::Suite;
use crate::workspace;

/// Networks and mirrors fail now and then; a third failure is an answer.
const ATTEMPTS: u32 = 3;

/// The folder of the unpacked source, fetched now if it is not in the cache.
pub(super) fn source(suite: &Suite) -> Result<PathBuf> {
    let cache = workspace::cache()?;
    let version = suite.version;
    let unpacked = cache.join(format!("redis-{version}"));
    if unpacked.join("runtest").is_file() {
        return Ok(unpacked);
    }
    println!("fetching the source of redis {version} from Debian");
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    // Another run may fetch at the same moment: work aside, then move into place.
    let aside = cache.join(format!("fetch-{}", std::process::id()));
    let fetched = retry(|| fetch(suite, &aside));
    let moved = fetched.and_then(|tree| {
        if fs::rename(&tree, &unpacked).is_err() {
            ensure!(unpacked.join("runtest").is_file(), "cannot write {}", unpacked.display());
        }
        Ok(())
    });
    let _ = fs::remove_dir_all(&aside);
    moved.with_context(|| {
        format!(
            "fetch the suite from Debian; with a copy of Redis {version}'s source at hand, pass \
             --suite DIR"
        )
    })?;
    Ok(unpacked)
}

/// Tries one release after the other.
fn fetch(suite: &Suite, aside: &Path) -> Result<PathBuf> {
    let mut last = None;
    for release in suite.releases {
        match fetch_from(suite, release, aside) {
            Ok(tree) => return Ok(tree),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("a suite names a release")?)
}

fn fetch_from(suite: &Suite, release: &str, aside: &Path) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(aside);
    let tree = aside.join("tree");
    fs::create_dir_all(&tree)?;
    let config = private_apt(&aside.join("apt"), release)?;
    let apt = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).env("APT_CONFIG", &config).current_dir(aside);
        workspace::output(&mut command)
    };
    // A mirror without the security archive is fine as long as one index lists the version.
    let updated = apt("apt-get", &["update", "-q"]);
    let sources = apt("apt-cache", &["showsrc", "redis"])?;
    let Some(version) = version_in(&sources, suite.version) else {
        updated.context("read Debian's package index")?;
        bail!("Debian {release} no longer has redis {}", suite.version);
    };
    let package = format!("redis={version}");
    apt("apt-get", &["source", "-q", "--download-only", &package])?;
    let archive = aside.join(format!("redis_{}.orig.tar.gz", suite.version));
    let sum = workspace::output(Command::new("sha256sum").arg(&archive))?;
    ensure!(sum.starts_with(suite.sha256), "the source archive is not the one we know: {sum}");
    let mut tar = Command::new("tar");
    tar.arg("xf").arg(&archive).arg("-C").arg(&tree).arg("--strip-components=1");
    workspace::must(&mut tar)?;
    Ok(tree)
}

/// The newest package version whose upstream version is the one wanted.
fn version_in<'a>(showsrc: &'a str, wanted: &str) -> Option<&'a str> {
    showsrc.lines().filter_map(|line| line.strip_prefix("Version: ")).rfind(|version| {
        let upstream = version.split_once(':').map_or(*version, |(_epoch, rest)| rest);
        upstream.split(['-', '+']).next() == Some(wanted)
    })
}

/// Writes an apt configuration that knows only Debian's sources and keeps its state in `dir`.
fn private_apt(dir: &Path, release: &str) -> Result<PathBuf> {
    for folder in ["lists/partial", "cache/archives/partial", "parts", "preferences"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    fs::write(dir.join("status"), "")?;
    let mirror = mirror();
    let mut sources = format!("deb-src [trusted=yes] {mirror} {release} main\n");
    // The unstable release gets its security fixes directly.
    if release != "sid" {
        sources += &format!("deb-src [trusted=yes] {mirror}-security {release}-security main\n");
    }
    fs::write(dir.join("sources.list"), sources)?;
    let dir_text = dir.display();
    let config = dir.join("apt.conf");
    fs::write(
        &config,
        format!(
            "Dir::Etc::SourceList \"{dir_text}/sources.list\";\n\
             Dir::Etc::SourceParts \"{dir_text}/parts\";\n\
             Dir::Etc::Preferences \"/dev/null\";\n\
             Dir::Etc::PreferencesParts \"{dir_text}/preferences\";\n\
             Dir::State::Lists \"{dir_text}/lists\";\n\
             Dir::State::status \"{dir_text}/status\";\n\
             Dir::Cache \"{dir_text}/cache\";\n\
             APT::Sandbox::User \"\";\n\
             APT::Update::Post-Invoke {{}};\n\
             APT::Update::Post-Invoke-Success {{}};\n\
             Acquire::Languages \"none\";\n\
             Acquire::Check-Valid-Until \"false\";\n"
        ),
    )?;
    Ok(config)
}

/// The Debian mirror this machine uses, or the public one.
fn mirror() -> String {
    let mut indexes = Command::new("apt-get");
    indexes.args(["indextargets", "--format", "$(SITE)"]);
    let sites = workspace::output(&mut indexes).unwrap_or_default();
    sites
        .lines()
        .map(|site| site.trim_end_matches('/'))
        .find(|site| site.ends_with("/debian"))
        .unwrap_or("http://deb.debian.org/debian")
        .to_owned()
}

/// Installs what the suite runs on, if it is missing: Tcl and `ps`.
///
/// # Errors
/// When it is missing and we may not install, or cannot.
pub(crate) fn prerequisites() -> Result<()> {
    let mut missing = Vec::new();
    if workspace::find_program(&["tclsh8.6", "tclsh8.7", "tclsh8.5"]).is_none() {
        missing.push("tcl");
    }
    if workspace::find_program(&["ps"]).is_none() {
        missing.push("procps");
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    retry(|| {
        let apt = || {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive");
            apt
        };
        workspace::output(apt().args(["update", "-q"]))?;
        let mut install = apt();
        install.args(["install", "-qy", "--no-install-recommends"]).args(&missing);
        workspace::output(&mut install)?;
        Ok(())
    })
    .with_context(|| {
        format!("the suite needs {0}; as root: apt-get install {0}", missing.join(" "))
    })
}

fn retry<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        match work() {
            Err(error) if attempt < ATTEMPTS => {
                println!("attempt {attempt} of {ATTEMPTS} failed: {error:#}");
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_behind_epoch_and_revision() {
        let text = "Package: redis\nVersion: 5:6.0.16-1\n\nVersion: 5:7.0.15-1~deb12u5\n";
        assert_eq!(version_in(text, "7.0.15"), Some("5:7.0.15-1~deb12u5"));
        assert_eq!(version_in("Version: 5:7.0.150-1", "7.0.15"), None);
    }
}
