//! Who may connect and what they may do.

use crate::option::Opt;
use crate::option::declare::*;

const MODULES: &str = "Ochre loads no modules";
const WHO: &[&str] = &["no", "yes", "local"];

pub(super) const OPTIONS: &[Opt] = &[
    text_or_none("requirepass", "Password of the default user; not set means none is needed.")
        .sensitive()
        .now(),
    text("aclfile", "", "File with the users, for ACL LOAD and ACL SAVE.").at_start().now(),
    int("acllog-max-len", 0, MAX, "128", "Entries that ACL LOG remembers.").now(),
    choice(
        "acl-pubsub-default",
        &["allchannels", "resetchannels"],
        "resetchannels",
        "Channels a new user may use.",
    )
    .now(),
    choice(
        "enable-protected-configs",
        WHO,
        "no",
        "Who may change 'dir' and 'dbfilename' by CONFIG SET; 'local' are clients on this machine.",
    )
    .at_start()
    .now(),
    choice("enable-debug-command", WHO, "no", "Who may use DEBUG.").at_start().now(),
    choice("enable-module-command", WHO, "no", "Who may use MODULE.").at_start().never(MODULES),
    yes_no("lua-enable-deprecated-api", "no", "Give scripts Lua functions that are unsafe.")
        .alias(&["lua-enable-insecure-api"])
        .at_start()
        .hidden(),
    text(
        "hash-seed",
        "",
        "Seed of the hash function, for servers that should order keys alike. Whoever knows it can \
         make keys collide; empty draws one at random.",
    )
    .at_start()
    .hidden()
    .later("a seed from outside"),
];
