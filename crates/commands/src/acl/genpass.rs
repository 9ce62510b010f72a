//! ACL GENPASS: a password nobody can guess.

use command::declare::{integer, opt};
use engine::{CmdError, CmdResult, Command, Cx};

use super::look::WHOAMI;

const BITS: i64 = 256;
const BITS_MAX: i64 = 4096;

pub(super) const GENPASS: Command = Command {
    name: "GENPASS",
    summary: "Returns random bits as hexadecimal digits, to be used as a password.",
    complexity: "O(1)",
    args: &[opt(integer("bits"))],
    examples: &[
        ("ACL GENPASS", "\"*\""),
        (
            "ACL GENPASS 5000",
            "(error) ERR ACL GENPASS argument must be the number of bits for the output password, a \
             positive number up to 4096",
        ),
    ],
    handler: genpass,
    ..WHOAMI
};

fn genpass(cx: &mut Cx<'_>) -> CmdResult {
    let bits = match cx.argc() {
        2 => BITS,
        3 => cx.int(2)?,
        _ => return Err(CmdError::subcommand_syntax("acl", cx.arg(1))),
    };
    if !(1..=BITS_MAX).contains(&bits) {
        return Err(CmdError::GENPASS_BITS);
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits.div_ceil(2)];
    base::random::os_random(&mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    cx.reply.bulk(&hex.as_bytes()[..digits]);
    Ok(())
}
