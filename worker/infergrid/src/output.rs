//! The standard output, with the result of a command and nothing else; and what is told aside.

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

/// Writes text for whoever watches to the standard error.
pub(crate) fn aside(text: &str) {
	let _ = io::stderr().lock().write_all(text.as_bytes());
}
