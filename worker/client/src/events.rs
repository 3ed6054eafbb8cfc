//! The events of a streamed answer.

use crate::ClientError;
use serde_json::Value;
use std::collections::VecDeque;

/// A line of an event stream is a few hundred bytes; the last one holds the receipt.
const LONGEST_LINE: usize = 1 << 20;

/// The events of a streamed answer.
#[derive(Debug)]
pub struct Events {
	response: reqwest::Response,
	lines: Lines,
	/// Lines that are here and not yet read.
	ready: VecDeque<String>,
}

impl Events {
	/// Those of `response`.
	pub fn of(response: reqwest::Response) -> Self {
		Self {
			response,
			lines: Lines::default(),
			ready: VecDeque::new(),
		}
	}

	/// The next event; None at the end that the answer itself names. Any other end is an error.
	pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
		loop {
			while let Some(line) = self.ready.pop_front() {
				let Some(data) = line.strip_prefix("data:").map(str::trim) else {
					continue;
				};
				if data == "[DONE]" {
					return Ok(None);
				}
				let event = serde_json::from_str(data).map_err(ClientError::NoEvent)?;
				return Ok(Some(event));
			}
			let part = self
				.response
				.chunk()
				.await
				.map_err(ClientError::BrokenOff)?
				.ok_or(ClientError::Unfinished)?;
			self.ready.extend(self.lines.push(&part)?);
		}
	}
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
struct Lines {
	rest: Vec<u8>,
}

impl Lines {
	/// The lines that `part` completes.
	fn push(&mut self, part: &[u8]) -> Result<Vec<String>, ClientError> {
		self.rest.extend_from_slice(part);
		let mut lines = Vec::new();
		while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
			let line: Vec<u8> = self.rest.drain(..=end).collect();
			lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
		}
		if self.rest.len() > LONGEST_LINE {
			return Err(ClientError::EndlessLine);
		}
		Ok(lines)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn lines_are_cut_wherever_the_parts_are() {
		let mut lines = Lines::default();
		assert!(lines.push(b"data: {\"a\"").unwrap().is_empty());
		assert_eq!(
			lines.push(b":1}\r\n\ndata: x").unwrap(),
			["data: {\"a\":1}", ""]
		);
		assert_eq!(lines.push("ü\n".as_bytes()).unwrap(), ["data: xü"]);
	}

	#[test]
	fn an_endless_line_is_an_error() {
		let mut lines = Lines::default();
		assert!(lines.push(&vec![b'x'; LONGEST_LINE + 1]).is_err());
	}
}
