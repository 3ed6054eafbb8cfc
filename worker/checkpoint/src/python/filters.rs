//! Filters that Jinja in Python has, or has otherwise than the library.

use super::{
	arguments::Arguments,
	format,
	methods::{centred, is_space},
	numbers::calculate,
	text, wrap,
};
use minijinja::{
	Environment, Error, State, Value, filters,
	value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, Tuple, ValueKind, ValueOrKwargs},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Filters that are lazy in Python.
const LAZY: [&str; 8] = [
	"batch",
	"map",
	"reject",
	"rejectattr",
	"select",
	"selectattr",
	"slice",
	"unique",
];

/// The library's objects that look like dictionaries.
const OBJECTS: [&str; 3] = ["Namespace", "Loop", "Macro"];

pub(super) fn install(environment: &mut Environment<'static>) {
	environment.add_filter("eager batch", filters::batch);
	environment.add_filter("eager map", filters::map);
	environment.add_filter("eager reject", filters::reject);
	environment.add_filter("eager rejectattr", filters::rejectattr);
	environment.add_filter("eager select", filters::select);
	environment.add_filter("eager selectattr", filters::selectattr);
	environment.add_filter("eager slice", filters::slice);
	environment.add_filter("eager unique", filters::unique);
	for name in LAZY {
		let eager = format!("eager {name}");
		let lazy = move |state: &mut State, value: Value, rest: Rest<ValueOrKwargs>| {
			let mut arguments = vec![value];
			arguments.extend(rest.into_values());
			let found = state.apply_filter(&eager, &arguments)?;
			let items = found.try_iter()?.collect();
			Ok::<_, Error>(Value::from_object(Generator(Mutex::new(items))))
		};
		environment.add_filter(name, lazy);
	}
	environment.add_filter("string", |value: &Value| text::str(value));
	environment.add_filter("default", default);
	environment.add_filter("d", default);
	environment.add_filter("join", join);
	environment.add_filter("trim", trim);
	environment.add_filter("replace", replace);
	environment.add_filter("indent", indent);
	environment.add_filter("truncate", truncate);
	environment.add_filter("center", center);
	environment.add_filter("wordcount", |value: &Value| {
		let text = text::str(value);
		let words = text.split(is_space).filter(|word| !word.is_empty());
		words.count()
	});
	environment.add_filter("wordwrap", wrap::wordwrap);
	environment.add_filter("pprint", text::pprint);
	environment.add_filter("format", printf);
	environment.add_filter("attr", attr);
	environment.add_filter("sum", sum);
	environment.add_function("dict", dict);
	environment.add_function("cycler", |items: Rest<Value>| {
		minijinja_contrib::globals::cycler(items.to_vec())
	});
}

/// What lazy filters give: true even if nothing comes out of it, and empty once it was looked through.
#[derive(Debug)]
struct Generator(Mutex<Vec<Value>>);

impl Object for Generator {
	fn repr(self: &Arc<Self>) -> ObjectRepr {
		ObjectRepr::Iterable
	}

	fn enumerate(self: &Arc<Self>) -> Enumerator {
		let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
		Enumerator::Values(std::mem::take(&mut *items))
	}

	fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
		None
	}

	fn is_true(self: &Arc<Self>) -> bool {
		true
	}
}

/// `default(default_value='', boolean=False)`.
fn default(value: Value, places: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
	let given = Arguments { places, names };
	let other = given.get(0, "default_value")?;
	let also_false = given.flag(1, "boolean")?;
	given.finish()?;
	let lacks = value.is_undefined() || (also_false && !value.is_true());
	Ok(match (lacks, other) {
		(false, _) => value,
		(true, Some(other)) => other,
		(true, None) => given
			.places
			.first()
			.cloned()
			.unwrap_or_else(|| Value::from("")),
	})
}

/// `join(d='', attribute=None)`.
fn join(items: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let mark = given.text(0, "d", "")?;
	let attribute = given.get(1, "attribute")?;
	given.finish()?;
	let mut parts = Vec::new();
	for item in items.try_iter()? {
		parts.push(text::str(&part(item, attribute.as_ref())?));
	}
	Ok(parts.join(&mark))
}

/// The value itself, or what lies at `path` in it, whose steps are separated by dots.
fn part(value: Value, path: Option<&Value>) -> Result<Value, Error> {
	let Some(path) = path else {
		return Ok(value);
	};
	let mut found = value;
	for step in text::str(path).split('.') {
		found = match step.parse::<usize>() {
			Ok(place) => found.get_item_by_index(place)?,
			Err(_) => found.get_attr(step)?,
		};
	}
	Ok(found)
}

/// `trim(chars=None)`.
fn trim(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let letters = given.get(0, "chars")?.map(|letters| text::str(&letters));
	given.finish()?;
	let strips = |c: char| {
		letters
			.as_ref()
			.map_or_else(|| is_space(c), |set| set.contains(c))
	};
	Ok(text::str(value).trim_matches(strips).to_owned())
}

/// `replace(old, new, count=None)`.
fn replace(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let (old, new) = (given.text(0, "old", "")?, given.text(1, "new", "")?);
	let count = given.get(2, "count")?.map(i64::try_from).transpose()?;
	given.finish()?;
	let text = text::str(value);
	Ok(match count.map(usize::try_from) {
		Some(Ok(count)) => text.replacen(&old, &new, count),
		_ => text.replace(&old, &new),
	})
}

/// `indent(width=4, first=False, blank=False)`, the width in letters or as a text.
fn indent(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let margin = match given.get(0, "width")? {
		Some(width) if width.as_str().is_some() => text::str(&width),
		_ => " ".repeat(given.count(0, "width", 4)?),
	};
	let (first, blank) = (given.flag(1, "first")?, given.flag(2, "blank")?);
	given.finish()?;
	let text = text::str(value);
	let line = |(number, line): (usize, &str)| {
		let wanted = if number == 0 {
			first
		} else {
			blank || !line.is_empty()
		};
		match wanted {
			true => format!("{margin}{line}"),
			false => line.to_owned(),
		}
	};
	let lines: Vec<_> = text.split('\n').enumerate().map(line).collect();
	Ok(lines.join("\n"))
}

/// `truncate(length=255, killwords=False, end='...', leeway=5)`.
fn truncate(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let length = given.count(0, "length", 255)?;
	let cuts_words = given.flag(1, "killwords")?;
	let end = given.text(2, "end", "...")?;
	let leeway = given.count(3, "leeway", 5)?;
	given.finish()?;
	let text = text::str(value);
	if text.chars().count() <= length + leeway {
		return Ok(text);
	}
	let kept = length.saturating_sub(end.chars().count());
	let kept: String = text.chars().take(kept).collect();
	let kept = match kept.rfind(' ').filter(|_| !cuts_words) {
		Some(at) => &kept[..at],
		None => &kept,
	};
	Ok(format!("{kept}{end}"))
}

/// `center(width=80)`.
fn center(value: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let given = Arguments { places, names };
	let width = given.count(0, "width", 80)?;
	given.finish()?;
	Ok(centred(&text::str(value), width, ' '))
}

/// `format(value, …)` or `format(name=value, …)`, which is `%`.
fn printf(text: &Value, places: Rest<Value>, names: Kwargs) -> Result<String, Error> {
	let is_named = names.args().next().is_some();
	let given = match is_named {
		true => Value::from(names),
		false => Value::from(Tuple::from(places.to_vec())),
	};
	format::percent(&text::str(text), &given)
}

/// Whether `value` is an object of the library's, of one of the types `names`, which it does not export.
pub(super) fn is_library_object(value: &Value, names: &[&str]) -> bool {
	let name = value.as_object().map(|object| object.type_name());
	let last = name.and_then(|name| name.rsplit("::").next());
	last.is_some_and(|last| names.contains(&last))
}

/// `attr(name)`: what an object has. Keys of a dictionary are not among it.
fn attr(value: &Value, name: &str) -> Result<Value, Error> {
	match value.kind() == ValueKind::Map && !is_library_object(value, &OBJECTS) {
		true => Ok(Value::UNDEFINED),
		false => value.get_attr(name),
	}
}

/// `sum(attribute=None, start=0)`.
fn sum(
	state: &mut State,
	items: &Value,
	places: Rest<Value>,
	names: Kwargs,
) -> Result<Value, Error> {
	let given = Arguments { places, names };
	let attribute = given.get(0, "attribute")?;
	let mut total = given.get(1, "start")?.unwrap_or_else(|| Value::from(0));
	given.finish()?;
	for item in items.try_iter()? {
		total = calculate(state, "a + b", total, part(item, attribute.as_ref())?)?;
	}
	Ok(total)
}

/// `dict(pairs or another dictionary, name=value, …)`.
fn dict(places: Rest<Value>, names: Kwargs) -> Result<Value, Error> {
	let mut pairs = Vec::new();
	if let Some(from) = places.first() {
		for item in from.try_iter()? {
			pairs.push(match from.kind() {
				ValueKind::Map => (item.clone(), from.get_item(&item)?),
				_ => (item.get_item_by_index(0)?, item.get_item_by_index(1)?),
			});
		}
	}
	for name in names.args() {
		pairs.push((Value::from(name), names.get(name)?));
	}
	Ok(Value::from_pairs(pairs))
}
