//! LOLWUT: a cave wall, painted in ochre. Each call is another wall; with a seed, always the same.
//!
//! ```text
//!   seed ─► grain of the rock ─► a herd of silhouettes, near ones over far ones ─► a line of text
//! ```

use base::random::Random;
use command::declare::{Flag::*, Group, Lock, integer, opt, token};
use engine::engine::{OCHRE_VERSION, REDIS_VERSION};
use engine::{CmdError, CmdResult, Command, Cx};

pub(super) const LOLWUT: Command = Command {
    name: "LOLWUT",
    group: Group::Server,
    since: "5.0.0",
    summary: "Shows a small work of art, and the version.",
    flags: &[ReadOnly, Fast],
    lock: Some(Lock::Local),
    args: &[opt(token("VERSION", integer("version")))],
    examples: &[
        ("LOLWUT VERSION 99", "\"Redis ver. 8.0.6\\n\""),
        ("LOLWUT VERSION new", "(error) ERR value is not an integer or out of range"),
    ],
    ..Command::base(lolwut)
};

/// Versions of this server that brought a picture of their own.
const PAINTED_VERSION: i64 = 1;
const COLUMNS: (i64, i64, i64) = (20, 66, 160);
const ROWS: (i64, i64, i64) = (9, 18, 50);

fn lolwut(cx: &mut Cx<'_>) -> CmdResult {
    let named = cx.argc() > 2 && cx.is_word(1, "VERSION");
    let version = if named { cx.int(2)? } else { PAINTED_VERSION };
    let first = if named { 3 } else { 1 };
    let number = |i: usize, default: i64| match cx.args.get(first + i) {
        Some(text) => base::number::parse_i64(text).ok_or(CmdError::NOT_INTEGER),
        None => Ok(default),
    };
    // Columns, rows, seed.
    let columns = number(0, COLUMNS.1)?.clamp(COLUMNS.0, COLUMNS.2) as usize;
    let rows = number(1, ROWS.1)?.clamp(ROWS.0, ROWS.2) as usize;
    let seed = number(2, i64::MIN)?;
    let mut random = match seed {
        i64::MIN => Random::from_seed(cx.db.random.next_u64()),
        seed => Random::from_seed(seed as u64),
    };
    let mut text = String::new();
    if version == PAINTED_VERSION {
        text = paint(columns, rows, &mut random);
        text.push_str(&format!("\nOchre {OCHRE_VERSION}, red as iron gets. "));
    }
    text.push_str(&format!("Redis ver. {REDIS_VERSION}\n"));
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

const BISON: &[&str] = &[
    "      ####",
    "   #########",
    " ##############_####",
    "#####################",
    "##################  \\",
    " ###  ###########   '",
    "  '   ## ##   ## ##",
    "      #   #   #   #",
];

const STAG: &[&str] = &[
    "\\| |/",
    " \\_/",
    "##",
    " ###",
    "  ############,",
    "   ############",
    "   ##  #   ## #",
    "   #   #   #   #",
];

const HAND: &[&str] =
    &["  # # #", "  # # # #", "  # # # #", "# #######", "##########", " ########", "   #####"];

/// Charcoal, red ochre, yellow ochre.
const PIGMENTS: &[u8] = b"#%+";

fn paint(columns: usize, rows: usize, random: &mut Random) -> String {
    let grain = b"                    .     .   '  `   ,     ";
    let mut wall: Vec<Vec<u8>> = (0..rows)
        .map(|_| (0..columns).map(|_| grain[random.below(grain.len() as u64) as usize]).collect())
        .collect();
    for _ in 0..2 + columns / 20 {
        let figure = [BISON, STAG, HAND][random.below(3) as usize];
        let pigment = PIGMENTS[random.below(PIGMENTS.len() as u64) as usize];
        let left = random.below(columns as u64) as i64 - 6;
        let top = random.below(rows as u64) as i64 - 3;
        stamp(&mut wall, figure, (left, top), pigment, random.below(2) == 0);
    }
    let lines = wall.into_iter().map(|row| String::from_utf8(row).expect("the paint is ASCII"));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Paints a figure, as far as it is on the wall.
fn stamp(
    wall: &mut [Vec<u8>],
    figure: &[&str],
    (left, top): (i64, i64),
    pigment: u8,
    mirrored: bool,
) {
    let width = figure.iter().map(|line| line.len()).max().unwrap_or(0) as i64;
    for (y, line) in (top..).zip(figure) {
        let Some(row) = usize::try_from(y).ok().and_then(|y| wall.get_mut(y)) else { continue };
        for (x, glyph) in (0..).zip(line.bytes()).filter(|(_, glyph)| *glyph != b' ') {
            let x = left + if mirrored { width - 1 - x } else { x };
            let Some(cell) = usize::try_from(x).ok().and_then(|x| row.get_mut(x)) else { continue };
            *cell = match glyph {
                b'#' => pigment,
                b'/' if mirrored => b'\\',
                b'\\' if mirrored => b'/',
                other => other,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_paints_the_same_wall() {
        let wall = |seed| paint(66, 18, &mut Random::from_seed(seed));
        assert_eq!(wall(7), wall(7));
        assert_ne!(wall(7), wall(8));
        assert_eq!(wall(7).lines().count(), 18);
        assert!(wall(7).lines().all(|line| line.len() <= 66));
    }
}
