//! What may be in progress at once: answers, and the bytes of their bodies.

use crate::errors::{ApiError, Kind};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body of unknown length counts as this many bytes until it is read.
const UNIT: usize = 1_024;

/// Bounds what is in progress.
#[derive(Clone, Debug)]
pub(crate) struct Places {
	answers: Arc<Semaphore>,
	/// One permit for each [`UNIT`] of bodies.
	bodies: Arc<Semaphore>,
	/// Largest body, in units.
	largest: u32,
}

/// A place in progress; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
	_answer: OwnedSemaphorePermit,
}

impl Places {
	pub(crate) fn new(answers: usize, bodies_bytes: usize, largest_bytes: usize) -> Self {
		let bounded =
			|permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
		let largest = largest_bytes.div_ceil(UNIT).max(1);
		Self {
			answers: bounded(answers),
			bodies: bounded((bodies_bytes / UNIT).max(largest)),
			largest: u32::try_from(largest).unwrap_or(u32::MAX),
		}
	}

	/// Places for the answers of one request, taken before any work is done for them: all or none.
	pub(crate) fn answers(&self, count: usize) -> Result<Vec<Place>, ApiError> {
		let free = u32::try_from(count).ok();
		let taken = free.and_then(|count| self.answers.clone().try_acquire_many_owned(count).ok());
		let mut taken = taken.ok_or_else(|| {
			ApiError::new(
				Kind::Overloaded,
				"The gateway is at its limit of requests. Nothing is charged; try again.",
			)
		})?;
		let places = std::iter::from_fn(|| taken.split(1).map(|_answer| Place { _answer }));
		Ok(places.take(count).collect())
	}

	/// Room for a body that says that it has `length` bytes, or does not say.
	pub(crate) fn body(&self, length: Option<usize>) -> Result<OwnedSemaphorePermit, ApiError> {
		let units = length.map_or(self.largest, |length| {
			u32::try_from(length.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
		});
		self.bodies
			.clone()
			.try_acquire_many_owned(units.min(self.largest))
			.map_err(|_| {
				ApiError::new(
					Kind::Overloaded,
					"The gateway is reading as many requests as it can. Nothing is charged; try again.",
				)
			})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn answers_and_bodies_are_bounded_and_freed() {
		let places = Places::new(3, 10 * UNIT, 4 * UNIT);
		let mut taken = places.answers(2).unwrap();
		assert_eq!(taken.len(), 2);
		assert!(places.answers(2).is_err());
		assert!(places.answers(1).is_ok());
		taken.pop();
		assert_eq!(places.answers(2).unwrap().len(), 2);

		let unknown = places.body(None).unwrap();
		let known = places.body(Some(5 * UNIT)).unwrap();
		assert!(places.body(None).is_err());
		let small = places.body(Some(2 * UNIT)).unwrap();
		assert!(places.body(Some(1)).is_err());
		drop((unknown, known, small));
		assert!(places.body(None).is_ok());
	}
}
