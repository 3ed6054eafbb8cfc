//! The places of connections. When all are taken, a new connection takes that of the one that has waited
//! longest without a complete request, so that silent ones keep out nobody who has something to say.

use hyper::body::{Body, Frame, SizeHint};
use std::{
	collections::BTreeMap,
	pin::Pin,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	task::{Context, Poll},
};
use tokio_util::sync::CancellationToken;

/// All places of a server.
#[derive(Debug)]
pub(crate) struct Connections {
	most: usize,
	inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
	open: usize,
	/// Connections that wait for their client, the longest waiting first.
	waiting: BTreeMap<u64, CancellationToken>,
	next: u64,
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
	all: Arc<Connections>,
	evicted: CancellationToken,
	/// Its number among those that wait.
	waits: Mutex<Option<u64>>,
}

impl Connections {
	pub(crate) fn new(most: usize) -> Self {
		Self {
			most,
			inner: Mutex::default(),
		}
	}

	/// A place; the longest waiting connection gives up its own if need be. `None` if no connection
	/// waits for its client.
	pub(crate) fn take(self: &Arc<Self>) -> Option<Arc<Connection>> {
		let mut inner = self.lock();
		if inner.open >= self.most {
			let (_, longest) = inner.waiting.pop_first()?;
			longest.cancel();
		}
		inner.open += 1;
		drop(inner);
		let place = Connection {
			all: self.clone(),
			evicted: CancellationToken::new(),
			waits: Mutex::default(),
		};
		place.idle();
		Some(Arc::new(place))
	}

	fn lock(&self) -> MutexGuard<'_, Inner> {
		self.inner.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Connection {
	/// Ends when another connection needs the place.
	pub(crate) fn evicted(&self) -> CancellationToken {
		self.evicted.clone()
	}

	/// A request is complete: the place is kept until it is answered.
	pub(crate) fn busy(&self) {
		if let Some(number) = self.waits().take() {
			self.all.lock().waiting.remove(&number);
		}
	}

	/// The client is waited for.
	pub(crate) fn idle(&self) {
		let mut waits = self.waits();
		let mut inner = self.all.lock();
		if let Some(number) = waits.take() {
			inner.waiting.remove(&number);
		}
		let number = inner.next;
		inner.next += 1;
		inner.waiting.insert(number, self.evicted.clone());
		*waits = Some(number);
	}

	fn waits(&self) -> MutexGuard<'_, Option<u64>> {
		self.waits.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Drop for Connection {
	fn drop(&mut self) {
		self.busy();
		self.all.lock().open -= 1;
	}
}

/// A body that does something when it is dropped.
pub(crate) struct Then<B, F: FnOnce()> {
	body: B,
	end: Option<F>,
}

impl<B, F: FnOnce()> Then<B, F> {
	pub(crate) fn new(body: B, end: F) -> Self {
		let end = Some(end);
		Self { body, end }
	}
}

impl<B: Body + Unpin, F: FnOnce() + Unpin> Body for Then<B, F> {
	type Data = B::Data;
	type Error = B::Error;

	fn poll_frame(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
	) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
		Pin::new(&mut self.body).poll_frame(cx)
	}

	fn is_end_stream(&self) -> bool {
		self.body.is_end_stream()
	}

	fn size_hint(&self) -> SizeHint {
		self.body.size_hint()
	}
}

impl<B, F: FnOnce()> Drop for Then<B, F> {
	fn drop(&mut self) {
		if let Some(end) = self.end.take() {
			end();
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_longest_waiting_gives_up_its_place_and_the_busy_do_not() {
		let places = Arc::new(Connections::new(2));
		let (first, second) = (places.take().unwrap(), places.take().unwrap());
		first.busy();
		let third = places.take().unwrap();
		assert!(!first.evicted().is_cancelled());
		assert!(second.evicted().is_cancelled());
		third.busy();
		drop(second);
		assert!(places.take().is_none(), "both are busy");
		first.idle();
		assert!(places.take().is_some());
		assert!(first.evicted().is_cancelled());
	}
}
