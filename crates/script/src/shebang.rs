//! The first line of a script or library, which may say what it needs.

/// What a script or function says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    pub const NO_WRITES: Flags = Flags(1);
    pub const ALLOW_OOM: Flags = Flags(2);
    pub const ALLOW_STALE: Flags = Flags(4);
    pub const NO_CLUSTER: Flags = Flags(8);
    pub const ALLOW_CROSS_SLOT_KEYS: Flags = Flags(16);
    /// No shebang: a script of the days before there were flags.
    pub const COMPATIBLE: Flags = Flags(32);

    pub const NAMES: [(&'static str, Flags); 5] = [
        ("no-writes", Flags::NO_WRITES),
        ("allow-oom", Flags::ALLOW_OOM),
        ("allow-stale", Flags::ALLOW_STALE),
        ("no-cluster", Flags::NO_CLUSTER),
        ("allow-cross-slot-keys", Flags::ALLOW_CROSS_SLOT_KEYS),
    ];

    pub fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    pub fn with(self, flag: Flags) -> Flags {
        Flags(self.0 | flag.0)
    }

    /// The flag of this name.
    pub fn named(name: &str) -> Option<Flags> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag)
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(_, flag)| self.has(*flag)).map(|(name, _)| name)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The words of the first line and where it ends; none: there is no shebang.
type FirstLine = Option<(Option<Vec<Vec<u8>>>, usize)>;

fn first_line(source: &[u8]) -> Option<FirstLine> {
    if !source.starts_with(b"#!") {
        return Some(None);
    }
    let end = source.iter().position(|byte| *byte == b'\n')?;
    Some(Some((base::split_args::split_args(&source[..end]), end)))
}

/// The flags of a script for EVAL, and where its code begins: at the end of the first line, so that
/// lines keep their numbers.
pub fn script_flags(source: &[u8]) -> Result<(Flags, usize), String> {
    let Some(line) = first_line(source) else { return Err("Invalid script shebang".to_owned()) };
    let Some((words, end)) = line else { return Ok((Flags::COMPATIBLE, 0)) };
    let words = words.filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| "Invalid engine in script shebang".to_owned())?;
    if words[0] != b"#!lua" {
        return Err(format!("Unexpected engine in script shebang: {}", lossy(&words[0])));
    }
    let mut flags = Flags::default();
    for word in &words[1..] {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err(format!("Unknown lua shebang option: {}", lossy(word)));
        };
        for name in list.split(|byte| *byte == b',').filter(|_| !list.is_empty()) {
            let name = lossy(name);
            let flag = Flags::named(&name)
                .ok_or_else(|| format!("Unexpected flag in script shebang: {name}"))?;
            flags = flags.with(flag);
        }
    }
    Ok((flags, end))
}

/// What a library's first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub name: String,
    pub engine: String,
    /// Where the code begins.
    pub code_at: usize,
}

/// The metadata of a library for FUNCTION LOAD.
pub fn library_metadata(source: &[u8]) -> Result<Metadata, String> {
    let invalid = || "Invalid library metadata".to_owned();
    let line = first_line(source).ok_or_else(invalid)?;
    let (words, end) = line.ok_or_else(|| "Missing library metadata".to_owned())?;
    let words = words.filter(|words| !words.is_empty()).ok_or_else(invalid)?;
    let engine = lossy(&words[0][2..]);
    let mut name = None;
    for word in &words[1..] {
        match word.get(..5) {
            Some(key) if key.eq_ignore_ascii_case(b"name=") => {
                if name.replace(lossy(&word[5..])).is_some() {
                    return Err(
                        "Invalid metadata value, name argument was given multiple times".to_owned()
                    );
                }
            }
            _ => return Err(format!("Invalid metadata value given: {}", lossy(word))),
        }
    }
    let name = name.ok_or_else(|| "Library name was not given".to_owned())?;
    if !crate::library::is_name(&name) {
        return Err("Library names can only contain letters, numbers, or underscores(_) and must \
                    be at least one character long"
            .to_owned());
    }
    Ok(Metadata { name, engine, code_at: end })
}
