//! JSON as Lua values: as lua-cjson, which takes some numbers that JSON has not.

use mlua::{Lua, Table, Value};

use super::{DEPTH_MAX, Settings};
use crate::raise::{Raise, Raised};

/// A word of JSON.
type Word = (&'static [u8], fn() -> Token);

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Colon,
    Comma,
    End,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Error(&'static str),
}

impl Token {
    /// As errors call it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(why) => why,
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the last token begins.
    token_at: usize,
    depth: usize,
    settings: &'a Settings,
}

/// The value that a whole text is.
pub(super) fn decode(lua: &Lua, settings: &Settings, text: &[u8]) -> Raised<Value> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Raise::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser { text, at: 0, token_at: 0, depth: 0, settings };
    let token = parser.next();
    let value = parser.value(lua, token)?;
    match parser.next() {
        Token::End => Ok(value),
        other => Err(parser.expected("the end", &other)),
    }
}

impl Parser<'_> {
    fn expected(&self, what: &str, found: &Token) -> Raise {
        let (found, at) = (found.name(), self.token_at + 1);
        Raise::text(format!("Expected {what} but found {found} at character {at}"))
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') && self.at < self.text.len() {
            self.at += 1;
        }
        self.token_at = self.at;
        let Some(&byte) = self.text.get(self.at) else { return Token::End };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.settings.decode_invalid_numbers.get() && self.is_invalid_number() {
                    return Token::Error("invalid number");
                }
                return self.number();
            }
            b't' | b'f' | b'n' | b'N' | b'i' | b'I' | b'+' => return self.word(),
            _ => return Token::Error("invalid token"),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let words: [Word; 3] = [
            (b"true", || Token::Boolean(true)),
            (b"false", || Token::Boolean(false)),
            (b"null", || Token::Null),
        ];
        for (word, token) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return token();
            }
        }
        if self.settings.decode_invalid_numbers.get() && self.is_invalid_number() {
            return self.number();
        }
        Token::Error("invalid token")
    }

    /// Whether what looks like a number is none of JSON's.
    fn is_invalid_number(&self) -> bool {
        if self.peek(0) == b'+' {
            return true;
        }
        let skip = usize::from(self.peek(0) == b'-');
        let (first, second) = (self.peek(skip), self.peek(skip + 1));
        if first == b'0' {
            return second | 0x20 == b'x' || second.is_ascii_digit();
        }
        if first <= b'9' {
            return false;
        }
        let word = self.text.get(self.at + skip..self.at + skip + 3).unwrap_or(&[]);
        word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
    }

    /// As `strtod` reads it.
    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let sign = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        let body = &rest[sign..];
        let is_negative = rest.first() == Some(&b'-');
        let signed = |n: f64| if is_negative { -n } else { n };
        for (word, n) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
            if body.get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes())) {
                self.at += sign + word.len();
                return Token::Number(signed(n));
            }
        }
        if body.len() > 2 && body[0] == b'0' && body[1] | 0x20 == b'x' {
            let digits = body[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            if digits > 0 {
                let hex = &body[2..2 + digits];
                let n = hex.iter().fold(0.0, |n, digit| {
                    n * 16.0 + f64::from((*digit as char).to_digit(16).unwrap_or(0))
                });
                self.at += sign + 2 + digits;
                return Token::Number(signed(n));
            }
        }
        let mut len = body.iter().take_while(|b| b.is_ascii_digit()).count();
        let mut digits = len;
        if body.get(len) == Some(&b'.') {
            let decimals = body[len + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            digits += decimals;
            len += 1 + decimals;
        }
        if digits == 0 {
            return Token::Error("invalid number");
        }
        if matches!(body.get(len), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(body.get(len + 1), Some(b'-' | b'+')));
            let from = len + 1 + signed;
            let exponent =
                body.get(from..).unwrap_or(&[]).iter().take_while(|b| b.is_ascii_digit()).count();
            if exponent > 0 {
                len = from + exponent;
            }
        }
        let text = std::str::from_utf8(&body[..len]).unwrap_or("0");
        let n = text.trim_end_matches('.').parse().unwrap_or(0.0);
        self.at += sign + len;
        Token::Number(signed(n))
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.text.get(self.at).filter(|byte| **byte != 0) else {
                self.token_at = self.at;
                return Token::Error("unexpected end of string");
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Token::Text(out);
                }
                b'\\' => {
                    let plain = match self.peek(1) {
                        b'"' => b'"',
                        b'\\' => b'\\',
                        b'/' => b'/',
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'u' => {
                            if !self.unicode(&mut out) {
                                self.token_at = self.at;
                                return Token::Error("invalid unicode escape code");
                            }
                            continue;
                        }
                        _ => {
                            self.token_at = self.at;
                            return Token::Error("invalid escape code");
                        }
                    };
                    out.push(plain);
                    self.at += 2;
                }
                _ => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.iter().try_fold(0, |n, digit| Some(n * 16 + (*digit as char).to_digit(16)?))
    }

    /// `\uXXXX`, or two that are a surrogate pair.
    fn unicode(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(mut code) = self.hex4(self.at + 2) else { return false };
        let mut len = 6;
        if code & 0xF800 == 0xD800 {
            if code & 0x400 != 0 || self.peek(6) != b'\\' || self.peek(7) != b'u' {
                return false;
            }
            let Some(low) = self.hex4(self.at + 8) else { return false };
            if low & 0xFC00 != 0xDC00 {
                return false;
            }
            code = ((code & 0x3FF) << 10 | (low & 0x3FF)) + 0x10000;
            len = 12;
        }
        let Some(character) = char::from_u32(code) else { return false };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        true
    }

    fn descend(&mut self) -> Raised<()> {
        self.depth += 1;
        if self.depth > self.settings.decode_depth_max.get().min(DEPTH_MAX) {
            return Err(Raise::text(format!(
                "Found too many nested data structures ({}) at character {}",
                self.depth, self.at
            )));
        }
        Ok(())
    }

    fn value(&mut self, lua: &Lua, token: Token) -> Raised<Value> {
        Ok(match token {
            Token::Text(text) => Value::String(lua.create_string(text)?),
            Token::Number(n) => Value::Number(n),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ArrayBegin => Value::Table(self.array(lua)?),
            Token::ObjectBegin => Value::Table(self.object(lua)?),
            other => return Err(self.expected("value", &other)),
        })
    }

    fn array(&mut self, lua: &Lua) -> Raised<Table> {
        self.descend()?;
        let table = lua.create_table()?;
        let mut token = self.next();
        if !matches!(token, Token::ArrayEnd) {
            for index in 1.. {
                table.raw_set(index, self.value(lua, token)?)?;
                match self.next() {
                    Token::ArrayEnd => break,
                    Token::Comma => token = self.next(),
                    other => return Err(self.expected("comma or array end", &other)),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn object(&mut self, lua: &Lua) -> Raised<Table> {
        self.descend()?;
        let table = lua.create_table()?;
        let mut token = self.next();
        if !matches!(token, Token::ObjectEnd) {
            loop {
                let Token::Text(key) = token else {
                    return Err(self.expected("object key string", &token));
                };
                match self.next() {
                    Token::Colon => {}
                    other => return Err(self.expected("colon", &other)),
                }
                let token_of_value = self.next();
                let value = self.value(lua, token_of_value)?;
                table.raw_set(lua.create_string(key)?, value)?;
                match self.next() {
                    Token::ObjectEnd => break,
                    Token::Comma => token = self.next(),
                    other => return Err(self.expected("comma or object end", &other)),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }
}
