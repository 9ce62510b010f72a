//! Streams as clients see them.
