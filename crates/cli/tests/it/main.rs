//! `ochre-cli` as a process, against servers made for each test.

mod one_shot;
mod serving;
mod tls;
