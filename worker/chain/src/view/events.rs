//! What happened in a block.

use super::{Skipped, View};
use crate::{
	dispatch::{DispatchError, Failed},
	error::ReadError,
	events::{self, Event},
	names::{entry, outcome, pallet},
};
use subxt::{PolkadotConfig, events::Phase as EventPhase};

/// How an extrinsic ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
	Success,
	/// `Pallet::Error`, or the name of a general error.
	Failure(String),
}

impl View {
	/// The block's events that workers follow, in order.
	pub async fn events(&self) -> Result<Vec<Event>, ReadError> {
		let fetched = self.fetch_events().await?;
		let mut events = Vec::new();
		let mut skipped = Skipped::default();
		for event in fetched.iter() {
			let event = event.map_err(|error| ReadError::from_subxt("events", error))?;
			events.extend(known(&event, &mut skipped));
		}
		skipped.tell(pallet::SYSTEM, entry::EVENTS);
		Ok(events)
	}

	/// The outcome and the events of the extrinsic at `index`.
	pub(crate) async fn extrinsic(
		&self,
		index: u32,
	) -> Result<(Option<Outcome>, Vec<Event>), ReadError> {
		let fetched = self.fetch_events().await?;
		let mut outcome = None;
		let mut events = Vec::new();
		let mut skipped = Skipped::default();
		for event in fetched.iter() {
			let event = event.map_err(|error| ReadError::from_subxt("events", error))?;
			if event.phase() != EventPhase::ApplyExtrinsic(index) {
				continue;
			}
			match (event.pallet_name(), event.event_name()) {
				(pallet::SYSTEM, outcome::SUCCESS) => outcome = Some(Outcome::Success),
				(pallet::SYSTEM, outcome::FAILED) => {
					let failed: Failed = event
						.decode_fields_unchecked_as()
						.map_err(|error| ReadError::from_subxt("a dispatch error", error))?;
					outcome = Some(Outcome::Failure(self.name_of(&failed.dispatch_error)));
				}
				_ => events.extend(known(&event, &mut skipped)),
			}
		}
		skipped.tell(pallet::SYSTEM, entry::EVENTS);
		Ok((outcome, events))
	}

	async fn fetch_events(&self) -> Result<subxt::events::Events<PolkadotConfig>, ReadError> {
		self.at
			.events()
			.fetch()
			.await
			.map_err(|error| ReadError::from_subxt("events", error))
	}

	fn name_of(&self, error: &DispatchError) -> String {
		let DispatchError::Module(module) = error else {
			return format!("{error:?}");
		};
		let pallet = self.at.metadata_ref().pallet_by_error_index(module.index);
		let variant = pallet
			.as_ref()
			.and_then(|pallet| pallet.error_variant_by_index(module.error[0]));
		match (&pallet, variant) {
			(Some(pallet), Some(variant)) => format!("{}::{}", pallet.name(), variant.name),
			_ => format!("module {} error {}", module.index, module.error[0]),
		}
	}
}

/// The event, where it is one that workers follow and that this version can decode.
fn known(event: &subxt::events::Event<'_, PolkadotConfig>, skipped: &mut Skipped) -> Option<Event> {
	match events::decode(event) {
		Ok(known) => known,
		Err(error) => {
			skipped.add(
				|| format!("{}.{}", event.pallet_name(), event.event_name()),
				&error,
			);
			None
		}
	}
}
