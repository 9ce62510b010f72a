//! Switches of mechanisms. Where the mechanism does not exist here, a switch is accepted and
//! changes nothing, because what it would avoid never happens.

use std::sync::atomic::Ordering::Relaxed;

use engine::{CmdError, CmdResult, Cx};

use super::{is_on, subcommand_syntax};

pub(super) fn accept(cx: &mut Cx<'_>) -> CmdResult {
    cx.reply.ok();
    Ok(())
}

pub(super) fn set_active_expire(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.active_expire.store(is_on(cx, 2), Relaxed);
    accept(cx)
}

pub(super) fn pause_cron(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.cron_paused.store(is_on(cx, 2), Relaxed);
    accept(cx)
}

pub(super) fn set_skip_checksum_validation(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.skip_checksums.store(is_on(cx, 2), Relaxed);
    accept(cx)
}

pub(super) fn set_scripts_call_all(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.scripts_call_all.store(is_on(cx, 2), Relaxed);
    accept(cx)
}

pub(super) fn change_repl_id(cx: &mut Cx<'_>) -> CmdResult {
    cx.engine.host.log('*', "Changing replication IDs after receiving DEBUG change-repl-id");
    cx.engine.change_replication_id();
    accept(cx)
}

pub(super) fn client_eviction(_: &mut Cx<'_>) -> CmdResult {
    Err(CmdError::text("ERR maxmemory-clients is disabled."))
}

pub(super) fn quicklist_packed_threshold(cx: &mut Cx<'_>) -> CmdResult {
    const BYTES_MAX: i64 = (4 << 30) - (1 << 20);
    match base::number::parse_memory(cx.arg(2)) {
        Some(bytes @ 0..=BYTES_MAX) => {
            cx.engine.settings.set_list_plain_bytes_min(bytes as usize);
            accept(cx)
        }
        _ => Err(CmdError::text(
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
        )),
    }
}

pub(super) fn replybuffer(cx: &mut Cx<'_>) -> CmdResult {
    if cx.is_word(2, "PEAK-RESET-TIME") {
        if !cx.is_word(3, "NEVER") && !cx.is_word(3, "RESET") {
            cx.int(3)?;
        }
        return accept(cx);
    }
    if cx.is_word(2, "RESIZING") { accept(cx) } else { Err(subcommand_syntax(cx)) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::super::tests::allowing;

    #[test]
    fn switches_turn_on_and_off() {
        let (mut server, mut ann) = allowing();
        server.reply(&mut ann, "DEBUG SET-ACTIVE-EXPIRE 0");
        server.reply(&mut ann, "DEBUG PAUSE-CRON 1");
        assert!(!server.engine.active_expire.load(Relaxed));
        assert!(server.engine.cron_paused.load(Relaxed));
        server.reply(&mut ann, "DEBUG SET-ACTIVE-EXPIRE 1");
        assert!(server.engine.active_expire.load(Relaxed));
    }

    #[test]
    fn a_new_history_has_a_new_name() {
        let (mut server, mut ann) = allowing();
        let before = server.engine.replication_id();
        server.reply(&mut ann, "DEBUG CHANGE-REPL-ID");
        assert_ne!(server.engine.replication_id(), before);
    }
}
