//! What stands in a file before an entry or instead of one.

/// Where a cluster's slot begins; its sizes.
pub(crate) const SLOT_INFO: u8 = 244;
/// The code of a library of functions.
pub(crate) const FUNCTION: u8 = 245;
/// The same as it was in release candidates of Redis 7.0.
pub(crate) const FUNCTION_PRE_GA: u8 = 246;
/// What a module keeps beside the keys.
pub(crate) const MODULE_AUX: u8 = 247;
/// Seconds for which the next key was idle.
pub(crate) const IDLE: u8 = 248;
/// How often the next key is used, in the logarithmic measure of LFU.
pub(crate) const FREQUENCY: u8 = 249;
/// A fact about the file.
pub(crate) const AUX: u8 = 250;
/// How many keys the database has, and how many of them expire.
pub(crate) const RESIZE_DB: u8 = 251;
/// Unix milliseconds at which the next key expires.
pub(crate) const EXPIRE_MS: u8 = 252;
/// The same in seconds, as before Redis 2.6.
pub(crate) const EXPIRE_S: u8 = 253;
/// The database of what follows.
pub(crate) const SELECT_DB: u8 = 254;
/// The end; from version 5 on a checksum follows.
pub(crate) const END: u8 = 255;
