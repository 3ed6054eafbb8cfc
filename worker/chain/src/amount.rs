//! Money as people write it.

use infergrid_primitives::{AIT, Balance};

/// Plancks as AIT, with as many digits as needed.
pub fn ait(plancks: Balance) -> String {
	let (whole, rest) = (plancks / AIT, plancks % AIT);
	let digits = format!("{rest:012}");
	match digits.trim_end_matches('0') {
		"" => whole.to_string(),
		digits => format!("{whole}.{digits}"),
	}
}

/// AIT with up to twelve digits after the point, as plancks.
pub fn parse_ait(text: &str) -> Option<Balance> {
	let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
	let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
	if whole.is_empty() || rest.len() > 12 || !digits(whole) || !digits(rest) {
		return None;
	}
	let whole: Balance = whole.parse().ok()?;
	let rest: Balance = format!("{rest:0<12}").parse().ok()?;
	whole.checked_mul(AIT)?.checked_add(rest)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn amounts_are_read_and_shown_to_the_planck() {
		for (text, amount) in [
			("0", 0),
			("1", AIT),
			("0.5", AIT / 2),
			("0.000000000001", 1),
			("12.000000000034", 12 * AIT + 34),
		] {
			assert_eq!(parse_ait(text), Some(amount));
			assert_eq!(ait(amount), text);
		}
		for text in [
			"",
			".5",
			"-1",
			"1e3",
			"1.0000000000001",
			"0x1",
			"1.2.3",
			"9".repeat(40).as_str(),
		] {
			assert_eq!(parse_ait(text), None, "{text}");
		}
	}
}
