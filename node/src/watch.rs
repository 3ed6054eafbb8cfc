//! Watches what a node needs of its machine: a right clock, and space on its disk.

mod alarm;
mod announced;
mod clock;
mod disk;

pub(crate) use announced::{Announced, Listener, listen};
pub(crate) use disk::{Disk, Full};

use crate::types::{Backend, Client};
use alarm::{Alarm, Notice};
use clock::{Clock, Difference, Moment, Verdict};
use disk::Space;
use futures::{FutureExt, StreamExt, channel::mpsc::Receiver, select};
use futures_timer::Delay;
use polkadot_sdk::{
	sc_client_api::AuxStore,
	sp_api::ProvideRuntimeApi,
	sp_blockchain::HeaderBackend,
	sp_consensus_babe::{AuthorityId, BabeApi, BabeAuthorityWeight, KEY_TYPE, Slot, SlotDuration},
	sp_core::ByteArray,
	sp_keystore::KeystorePtr,
};
use std::{
	collections::BTreeSet,
	ops::ControlFlow::{self, Break, Continue},
	sync::Arc,
	time::{Duration, Instant},
};

/// How often clock and disk are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long a clock must seem wrong: peers that catch up bring old blocks for a moment.
const CLOCK_PATIENCE: Duration = Duration::from_secs(30);
/// Under this key nothing is stored: to remove it asks the database whether it still takes writes.
const NOTHING: &[u8] = b"infergrid-nothing";

/// What is watched.
pub(crate) struct Watched {
	pub(crate) client: Arc<Client>,
	pub(crate) backend: Arc<Backend>,
	pub(crate) keystore: KeystorePtr,
	pub(crate) disk: Disk,
	pub(crate) slot_duration: SlotDuration,
	pub(crate) announced: Receiver<Announced>,
}

/// Watches until the node cannot go on, which it says.
pub(crate) async fn run(watched: Watched) {
	Watch::new(watched).run().await;
}

struct Watch {
	watched: Watched,
	clock: Clock<AuthorityId>,
	/// Who may make blocks.
	authorities: Vec<(AuthorityId, BabeAuthorityWeight)>,
	clock_alarm: Alarm,
	best_alarm: Alarm,
	disk_alarm: Alarm,
}

impl Watch {
	fn new(watched: Watched) -> Self {
		Self {
			clock: Clock::new(watched.slot_duration.as_duration()),
			watched,
			authorities: Vec::new(),
			clock_alarm: Alarm::new(CLOCK_PATIENCE),
			best_alarm: Alarm::new(CLOCK_PATIENCE),
			disk_alarm: Alarm::new(Duration::ZERO),
		}
	}

	async fn run(mut self) {
		let mut look = Delay::new(Duration::ZERO).fuse();
		loop {
			select! {
				announced = self.watched.announced.select_next_some() => self.hear(announced),
				() = look => {
					self.look_at_clock(Moment::now());
					if self.look_at_disk(Instant::now()).is_break() {
						return;
					}
					look = Delay::new(LOOK_EVERY).fuse();
				}
			}
		}
	}

	fn hear(&mut self, (header, at): Announced) {
		let Some(slot) = announced::slot(&header) else {
			return;
		};
		let author = announced::author(header, &self.authorities);
		if let Some(author) = author.filter(|author| self.is_other(author)) {
			let made = self.began(slot);
			self.clock.hear(author, made, at);
		}
	}

	/// Whether it is not this node itself, whose blocks come back from its peers.
	fn is_other(&self, author: &AuthorityId) -> bool {
		let key = (author.to_raw_vec(), KEY_TYPE);
		!self.watched.keystore.has_keys(&[key])
	}

	fn look_at_clock(&mut self, now: Moment) {
		let best = self.watched.client.info().best_hash;
		if let Ok(epoch) = self.watched.client.runtime_api().current_epoch(best) {
			self.authorities = epoch.authorities;
		}
		let authorities = self.authorities.iter().map(|(authority, _)| authority);
		let others: BTreeSet<_> = authorities.filter(|author| self.is_other(author)).collect();
		self.clock.forget(now, |author| others.contains(author));
		let verdict = self.clock.judge(now, others.len());
		if let Some(verdict) = verdict {
			let wrong = verdict.difference.is_some();
			tell_clock(verdict, self.clock_alarm.update(wrong, now.instant));
		}

		let header = self.watched.client.header(best).ok().flatten();
		let missing = header
			.and_then(|header| announced::slot(&header))
			.and_then(|slot| self.clock.until(self.began(slot), now.wall))
			// It is the same trouble.
			.filter(|_| verdict.is_none_or(|verdict| verdict.difference.is_none()));
		let notice = self.best_alarm.update(missing.is_some(), now.instant);
		tell_best(missing.unwrap_or_default(), notice);
	}

	fn look_at_disk(&mut self, now: Instant) -> ControlFlow<()> {
		let disk = &self.watched.disk;
		match disk.space() {
			Some(Space::Out(free)) => {
				log::error!(
					"Only {free} MiB are free on the disk of {}, less than {} (--disk-reserve): the node \
					 ends before its database meets a full disk. Once there is space and it is started, it \
					 goes on",
					disk.path().display(),
					disk.reserve(),
				);
				return Break(());
			}
			Some(space) => tell_disk(disk, space, &mut self.disk_alarm, now),
			None => {}
		}
		match self.watched.backend.insert_aux(&[], &[NOTHING]) {
			Ok(()) => Continue(()),
			Err(error) => {
				log::error!(
					"The database in {} takes no more writes until it is opened again ({error}): the node \
					 ends. Look at its disk, and start it again",
					disk.path().display(),
				);
				Break(())
			}
		}
	}

	/// When a slot began, since 1970.
	fn began(&self, slot: Slot) -> Duration {
		let milliseconds = self.watched.slot_duration.as_millis();
		Duration::from_millis(milliseconds.saturating_mul(*slot))
	}
}

fn tell_clock(verdict: Verdict, notice: Option<Notice>) {
	let Verdict {
		difference,
		authors,
	} = verdict;
	match (notice, difference) {
		(Some(Notice::Over), _) => {
			log::info!("This machine's clock agrees with those of other validators again");
		}
		(Some(Notice::Wrong), Some(difference)) => {
			let (by, direction, effect) = match difference {
				Difference::Behind(by) => (by, "behind", "their blocks are refused here"),
				Difference::Ahead(by) => (by, "ahead of", "blocks made here are refused there"),
			};
			log::error!(
				"This machine's clock is about {} s {direction} those of most validators heard ({authors}): \
				 {effect} until the clocks agree. Set it: `timedatectl set-ntp true`, or chrony. The node goes \
				 on and tries; were all of them wrong and this one right, it could not tell",
				by.as_secs(),
			);
		}
		_ => {}
	}
}

fn tell_best(missing: Duration, notice: Option<Notice>) {
	match notice {
		Some(Notice::Over) => log::info!("This machine's clock has passed the best block again"),
		Some(Notice::Wrong) => log::error!(
			"The best block was made {} s after what this machine's clock says now: the clock is behind, or \
			 was ahead when the block came. No block is made here until it has passed that time. See to it \
			 that the clock is right: `timedatectl set-ntp true`, or chrony",
			missing.as_secs(),
		),
		None => {}
	}
}

fn tell_disk(disk: &Disk, space: Space, alarm: &mut Alarm, now: Instant) {
	let (Space::Enough(free) | Space::Low(free) | Space::Out(free)) = space;
	let path = disk.path().display();
	match alarm.update(!matches!(space, Space::Enough(_)), now) {
		Some(Notice::Over) => log::info!("The disk of {path} has space again: {free} MiB are free"),
		Some(Notice::Wrong) => log::error!(
			"Only {free} MiB are free on the disk of {path}: free some. Below {} MiB (--disk-reserve) the \
			 node ends, and does not start",
			disk.reserve(),
		),
		None => {}
	}
}
