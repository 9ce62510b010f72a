//! A damaged file of the log: going on with what is good of it, or not at all.

use ::base::disk::{Open, reason};
use config::id;
use journal::aof::Files;
use journal::aof::check::{Checked, Damage};

use crate::engine::Engine;

/// What to do with a damaged file: go on with what is good of it, or not at all.
///
/// # Errors
/// What to do by hand: nothing was changed.
pub(super) fn settle(
    engine: &Engine,
    files: &Files,
    name: &str,
    is_last: bool,
    checked: &Checked,
    damage: Damage,
) -> Result<(), String> {
    let lost = checked.len - checked.good;
    let config = engine.config();
    let loads_truncated = config.flag(id::AOF_LOAD_TRUNCATED);
    let tail_max = config.int(id::AOF_LOAD_CORRUPT_TAIL_MAX_SIZE) as u64;
    drop(config);
    let what = match damage {
        Damage::CutOff => "is cut off",
        Damage::Torn => "was torn by a power cut",
        Damage::Bad(..) => "is damaged",
    };
    match damage {
        Damage::CutOff | Damage::Torn if is_last && loads_truncated => {}
        Damage::CutOff | Damage::Torn => {
            let hint = if is_last {
                "2) Alternatively you can set the 'aof-load-truncated' configuration option to yes \
                 and restart the server."
            } else {
                "2) Only the last file of an AOF may be cut off, and this is not the last."
            };
            return Err(format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a \
                 backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. {hint}"
            ));
        }
        Damage::Bad(..) if is_last && lost <= tail_max => {}
        Damage::Bad(at, why) => {
            return Err(format!(
                "Bad file format reading the append only file {name}: {why}, at byte {at}; the {} \
                 bytes before byte {} are good. Make a backup of your AOF file, then use \
                 ./redis-check-aof --fix <filename.manifest>",
                checked.good, checked.good
            ));
        }
    }
    let host = &engine.host;
    host.log('#', &format!("!!! Warning: short read while loading the AOF file {name}!!!"));
    host.log(
        '#',
        &format!(
            "AOF {name} {what}: {} commands and {} bytes are good, the {lost} bytes behind them are not",
            checked.commands, checked.good
        ),
    );
    host.log('#', &format!("Truncating the AOF {name} at offset {}", checked.good));
    let cut = files.disk.open(&files.path(name), Open::Repair).and_then(|mut file| {
        file.truncate(checked.good)?;
        file.sync()
    });
    cut.map_err(|error| format!("Error truncating the AOF file {name}: {}", reason(&error)))?;
    host.log('#', &format!("AOF {name} loaded anyway because aof-load-truncated is enabled"));
    Ok(())
}
