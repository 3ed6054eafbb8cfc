//! What is known of a connection: whether somebody vouches for what comes over it.

use std::sync::{
	Arc,
	atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::admission::Rank;

/// What is known of one connection; shared by its streams.
#[derive(Debug, Default)]
pub(crate) struct Standing {
	known: AtomicBool,
	at_work: AtomicUsize,
}

/// Authorised work on a connection, from its start to its end.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Standing>);

impl Standing {
	/// Of a connection that this node made itself.
	pub(crate) fn chosen() -> Self {
		Self {
			known: AtomicBool::new(true),
			at_work: AtomicUsize::new(0),
		}
	}

	/// Whether anything was ever authorised on the connection.
	pub(crate) fn known(&self) -> bool {
		self.known.load(Ordering::Relaxed)
	}

	/// What the connection is worth keeping; none while authorised work goes on.
	pub(crate) fn rank(&self) -> Option<Rank> {
		if self.at_work.load(Ordering::Relaxed) > 0 {
			None
		} else if self.known() {
			Some(Rank::Known)
		} else {
			Some(Rank::Stranger)
		}
	}

	/// Begins work that was authorised.
	pub(crate) fn begin(self: &Arc<Self>) -> AtWork {
		self.known.store(true, Ordering::Relaxed);
		self.at_work.fetch_add(1, Ordering::Relaxed);
		AtWork(self.clone())
	}
}

impl Drop for AtWork {
	fn drop(&mut self) {
		self.0.at_work.fetch_sub(1, Ordering::Relaxed);
	}
}
