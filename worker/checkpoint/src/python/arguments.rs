//! The arguments of a call.

use super::text;
use minijinja::{
	Error, Value,
	value::{Kwargs, Rest},
};

/// The arguments of a call, each of which may be given by its place or by its name.
pub(super) struct Arguments {
	pub(super) places: Rest<Value>,
	pub(super) names: Kwargs,
}

impl Arguments {
	/// The argument `name`, which is the one at `place`.
	pub(super) fn raw(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
		let named = match self.names.has(name) {
			true => Some(self.names.get(name)?),
			false => None,
		};
		Ok(named.or_else(|| self.places.get(place).cloned()))
	}

	/// As [`Self::raw`]; none where it is none.
	pub(super) fn get(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
		let given = self.raw(place, name)?;
		Ok(given.filter(|value| !value.is_none() && !value.is_undefined()))
	}

	pub(super) fn flag(&self, place: usize, name: &str) -> Result<bool, Error> {
		Ok(self.get(place, name)?.is_some_and(|value| value.is_true()))
	}

	pub(super) fn text(&self, place: usize, name: &str, default: &str) -> Result<String, Error> {
		let given = self.get(place, name)?;
		Ok(given.map_or_else(|| default.to_owned(), |value| text::str(&value)))
	}

	/// A count of letters or items, bounded.
	pub(super) fn count(&self, place: usize, name: &str, default: usize) -> Result<usize, Error> {
		const MAX: usize = 1 << 16;
		match self.get(place, name)?.map(usize::try_from) {
			None => Ok(default),
			Some(Ok(count)) => Ok(count.min(MAX)),
			Some(Err(error)) => Err(error),
		}
	}

	/// Refuses names that nobody asked for.
	pub(super) fn finish(&self) -> Result<(), Error> {
		self.names.assert_all_used()
	}
}
