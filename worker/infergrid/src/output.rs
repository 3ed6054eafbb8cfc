//! The standard output: the result of a command and nothing else.

use std::io::{self, Write};

/// Writes a line. A reader that has gone away is no failure of ours.
pub(crate) fn line(text: impl AsRef<str>) {
	let mut out = io::stdout().lock();
	let _ = writeln!(out, "{}", text.as_ref());
	let _ = out.flush();
}

/// Writes a piece of text at once, without ending the line.
pub(crate) fn piece(text: impl AsRef<str>) {
	let mut out = io::stdout().lock();
	let _ = write!(out, "{}", text.as_ref());
	let _ = out.flush();
}
