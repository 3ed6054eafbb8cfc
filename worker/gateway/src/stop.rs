//! Cuts an answer's text before its first stop string.

/// Passes text on, except what may be the beginning of a stop string.
#[derive(Clone, Debug)]
pub(crate) struct StopCutter {
	stops: Vec<String>,
	held: String,
	stopped: bool,
}

impl StopCutter {
	/// Cuts before any of `stops`, of which none is empty.
	pub(crate) fn new(stops: Vec<String>) -> Self {
		Self {
			stops,
			held: String::new(),
			stopped: false,
		}
	}

	/// The text that can be shown once `text` is added; empty for ever after a stop string.
	pub(crate) fn push(&mut self, text: &str) -> String {
		if self.stopped {
			return String::new();
		}
		if self.stops.is_empty() {
			return text.to_owned();
		}
		self.held.push_str(text);
		let first = self
			.stops
			.iter()
			.filter_map(|stop| self.held.find(stop.as_str()))
			.min();
		if let Some(at) = first {
			self.stopped = true;
			self.held.truncate(at);
			return std::mem::take(&mut self.held);
		}
		let safe = self.held.len() - self.unfinished();
		let rest = self.held.split_off(safe);
		std::mem::replace(&mut self.held, rest)
	}

	/// What was held back and turned out to be no stop string.
	pub(crate) fn finish(self) -> String {
		self.held
	}

	/// Bytes at the end of the held text with which some stop string begins.
	fn unfinished(&self) -> usize {
		let held = self.held.as_str();
		let begins = |length: &usize| {
			held.is_char_boundary(held.len() - length)
				&& self
					.stops
					.iter()
					.any(|stop| stop.starts_with(&held[held.len() - length..]))
		};
		let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
		(1..longest.min(held.len() + 1))
			.rev()
			.find(begins)
			.unwrap_or(0)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn run(stops: &[&str], parts: &[&str]) -> Vec<String> {
		let mut cutter = StopCutter::new(stops.iter().map(ToString::to_string).collect());
		let mut shown: Vec<_> = parts.iter().map(|part| cutter.push(part)).collect();
		shown.push(cutter.finish());
		shown
	}

	#[test]
	fn text_without_stops_passes_at_once() {
		assert_eq!(run(&[], &["a", "b"]), ["a", "b", ""]);
	}

	#[test]
	fn a_stop_over_two_parts_is_never_shown() {
		assert_eq!(
			run(&["END"], &["one E", "N", "D two"]),
			["one ", "", "", ""]
		);
	}

	#[test]
	fn what_is_no_stop_after_all_comes_out() {
		assert_eq!(run(&["END"], &["E", "N", "X"]), ["", "", "ENX", ""]);
		assert_eq!(run(&["END"], &["the EN"]), ["the ", "EN"]);
	}

	#[test]
	fn the_first_of_several_stops_counts() {
		assert_eq!(run(&["cd", "bcd"], &["abcd"]), ["a", ""]);
		assert_eq!(run(&["\n\n", "###"], &["x\n", "###"]), ["x", "\n", ""]);
	}

	#[test]
	fn a_beginning_that_repeats_itself_is_held_back_in_full() {
		assert_eq!(run(&["aab"], &["aa", "a", "b"]), ["", "a", "", ""]);
	}

	#[test]
	fn characters_of_several_bytes_stay_whole() {
		assert_eq!(run(&["é!"], &["caf", "é", "s"]), ["caf", "", "és", ""]);
		assert_eq!(run(&["日本"], &["日", "日本", "x"]), ["", "日", "", ""]);
	}

	/// Whatever the cuts, the shown text is what comes before the first stop.
	#[test]
	fn every_way_of_cutting_gives_the_same_text() {
		let text = "ab aab aabc é日 abca";
		let letters: Vec<String> = text.chars().map(String::from).collect();
		for stops in [&["aabc"][..], &["é日 "], &["zz", "bca"], &["b aab "]] {
			let expected = stops
				.iter()
				.filter_map(|stop| text.find(stop))
				.min()
				.map_or(text, |at| &text[..at]);
			for mask in 0u32..1 << 12 {
				let mut parts = vec![String::new()];
				for (i, letter) in letters.iter().enumerate() {
					if let Some(part) = parts.last_mut() {
						part.push_str(letter);
					}
					if mask >> (i % 12) & 1 == 1 {
						parts.push(String::new());
					}
				}
				let parts: Vec<_> = parts.iter().map(String::as_str).collect();
				assert_eq!(run(stops, &parts).concat(), expected);
			}
		}
	}
}
