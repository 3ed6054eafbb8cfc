//! A template's source as Jinja in Python reads it.

use minijinja::{
	machinery::{Span, Token, tokenize},
	syntax::SyntaxConfig,
};

/// The filter that stands for `%`.
pub(super) const PERCENT: &str = "__percent";
/// How often a template may have it; finding operands takes time.
const MAX_PERCENTS: usize = 1_000;
/// Words that end what stands before them, and begin what comes behind.
const WORDS: [&str; 9] = [
	"and",
	"or",
	"not",
	"in",
	"if",
	"elif",
	"else",
	"recursive",
	"do",
];

/// Line ends are one character, the tags with which `transformers` marks what an assistant says open a
/// scope and mean nothing else, and `%` is for texts too.
pub(crate) fn source(text: &str) -> String {
	percents(generations(&text.replace("\r\n", "\n").replace('\r', "\n")))
}

fn generations(lines: &str) -> String {
	let mut out = String::with_capacity(lines.len());
	let mut rest = lines;
	while let Some(at) = rest.find("{%") {
		let (before, tag) = rest.split_at(at);
		out.push_str(before);
		let Some(end) = tag.find("%}") else {
			rest = tag;
			break;
		};
		let inside = &tag[2..end];
		let word = inside.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
		let replaced = match word {
			"generation" => inside.replacen("generation", "with", 1),
			"endgeneration" => inside.replacen("endgeneration", "endwith", 1),
			_ => inside.to_owned(),
		};
		out.extend(["{%", &replaced, "%}"]);
		rest = &tag[end + 2..];
	}
	out.push_str(rest);
	out
}

/// `a % b` as `(a)|filter(b)`: the library's operator is for numbers only, and cannot be changed.
fn percents(source: String) -> String {
	let tokens: Result<Vec<_>, _> = tokenize(&source, false, SyntaxConfig::default()).collect();
	// What is no Jinja is told by whoever compiles it.
	let Ok(tokens) = tokens else {
		return source;
	};
	let is_percent = |token: &Token<'_>| matches!(token, Token::Mod);
	if tokens.iter().filter(|(token, _)| is_percent(token)).count() > MAX_PERCENTS {
		return source;
	}
	let mut edits = Vec::new();
	for (at, (token, span)) in tokens.iter().enumerate() {
		if is_percent(token) {
			let operator = span.start_offset as usize..span.end_offset as usize;
			let (start, end) = (left(&tokens, at), right(&tokens, at));
			edits.push((start..start, "(".to_owned()));
			edits.push((operator, format!(")|{PERCENT}(")));
			edits.push((end..end, ")".to_owned()));
		}
	}
	edits.sort_by_key(|(place, _)| place.start);
	let mut out = String::with_capacity(source.len());
	let mut copied = 0;
	for (place, text) in edits {
		out.push_str(&source[copied..place.start]);
		out.push_str(&text);
		copied = place.end;
	}
	out.push_str(&source[copied..]);
	out
}

/// Where the operand before the operator at `at` begins.
fn left(tokens: &[(Token<'_>, Span)], at: usize) -> usize {
	let (mut depth, mut first) = (0, at);
	while let Some(before) = first.checked_sub(1) {
		let token = &tokens[before].0;
		match depth {
			0 if opens(token) || is_looser(tokens, before) => break,
			_ if opens(token) => depth -= 1,
			_ if closes(token) => depth += 1,
			_ => {}
		}
		first = before;
	}
	tokens[first].1.start_offset as usize
}

/// Where the operand behind the operator at `at` ends.
fn right(tokens: &[(Token<'_>, Span)], at: usize) -> usize {
	let (mut depth, mut last) = (0, at);
	while let Some((token, _)) = tokens.get(last + 1) {
		let is_alike = matches!(
			token,
			Token::Mul | Token::Div | Token::FloorDiv | Token::Mod
		);
		match depth {
			0 if closes(token) || is_alike || is_looser(tokens, last + 1) => break,
			_ if opens(token) => depth += 1,
			_ if closes(token) => depth -= 1,
			_ => {}
		}
		last += 1;
	}
	tokens[last].1.end_offset as usize
}

fn opens(token: &Token<'_>) -> bool {
	matches!(
		token,
		Token::ParenOpen | Token::BracketOpen | Token::BraceOpen
	)
}

fn closes(token: &Token<'_>) -> bool {
	matches!(
		token,
		Token::ParenClose | Token::BracketClose | Token::BraceClose
	)
}

/// Whether the token at `at` binds less than `%`, or is outside of the expression.
fn is_looser(tokens: &[(Token<'_>, Span)], at: usize) -> bool {
	let before = at.checked_sub(1).map(|before| &tokens[before].0);
	match &tokens[at].0 {
		// A sign, unless there is something that it takes away from.
		Token::Plus | Token::Minus => before.is_some_and(|before| match before {
			Token::Ident(word) => !WORDS.contains(word),
			Token::Str(_) | Token::String(_) => true,
			Token::Int(_) | Token::Int128(_) | Token::Float(_) => true,
			other => closes(other),
		}),
		Token::Ident(word) => match before {
			// Names of attributes, filters and tests may be any word.
			Some(Token::Dot | Token::Pipe | Token::Ident("is")) => false,
			Some(Token::BlockStart) => true,
			_ => WORDS.contains(word),
		},
		Token::Tilde | Token::Comma | Token::Colon | Token::Assign => true,
		Token::Eq | Token::Ne | Token::Lt | Token::Lte | Token::Gt | Token::Gte => true,
		Token::VariableStart | Token::VariableEnd => true,
		Token::BlockStart | Token::BlockEnd | Token::TemplateData(_) => true,
		_ => false,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn operands_end_where_python_ends_them() {
		for (text, expected) in [
			("{{ 'a' % b }}", "{{ ('a' )|__percent( b) }}"),
			("{{ a%b%c }}", "{{ ((a)|__percent(b))|__percent(c) }}"),
			(
				"{{ x + a * -b.c[1] | f(2) % (d, '%') ~ e }}",
				"{{ x + (a * -b.c[1] | f(2) )|__percent( (d, '%')) ~ e }}",
			),
			(
				"{% if i % 2 == 0 and not j % 3 %}",
				"{% if (i )|__percent( 2) == 0 and not (j )|__percent( 3) %}",
			),
			(
				"{% raw %}{{ a % b }}{% endraw %} 5 % 6 {# a % b #}",
				"{% raw %}{{ a % b }}{% endraw %} 5 % 6 {# a % b #}",
			),
			(
				"{{ f(a % -b ** 2 * c, k=d % e.is) }}",
				"{{ f((a )|__percent( -b ** 2) * c, k=(d )|__percent( e.is)) }}",
			),
			("{{ 'a % b }}", "{{ 'a % b }}"),
		] {
			assert_eq!(source(text), expected);
		}
	}
}
