//! What the chain would refuse, found before a fee is paid for it.
//!
//! These are the checks of the pallets for calls that people make, by the state after the last
//! finalized block. They tell the same errors with the same remedies; the chain has the last word.

use crate::{
	Advice, Call, Included, ModelInfo, OfferTerms, ReadError, SubmitError, Submitter, View,
	amount::ait,
	error::Refusal,
	names::{call, pallet},
};
use codec::Decode;
use infergrid_primitives::{
	AccountBytes, Balance, BlockNumber, Hash, WorkerKey,
	limits::Field,
	market::Role,
	model::{Profile, model_id},
};

impl Submitter {
	/// Tells why the chain would refuse `call` now, as [`Refusal::WouldFail`] or [`Refusal::Payment`].
	/// Calls under way are not considered.
	pub async fn preflight(&self, call: &Call) -> Result<(), SubmitError> {
		let view = self.chain().latest().await?;
		match view.preflight(&self.account(), call).await {
			Ok(None) => Ok(()),
			Ok(Some(reason)) => Err(self.refused(call, reason)),
			// What cannot be read here may still be right for the chain.
			Err(error) if error.advice() == Advice::Skip => Ok(()),
			Err(error) => Err(error.into()),
		}
	}

	/// As [`Submitter::submit`] without a last block, unless the chain would refuse `call` now: then it
	/// costs no fee.
	pub async fn submit_checked(&self, call: &Call) -> Result<Included, SubmitError> {
		self.preflight(call).await?;
		self.submit(call, None).await
	}
}

/// The dispatch error that a call would end with, and its circumstances.
fn would_fail(error: &'static str, detail: impl Into<String>) -> Option<Refusal> {
	Some(Refusal::WouldFail {
		error,
		detail: detail.into(),
	})
}

impl View {
	/// Why the chain would refuse `call` from `signer`.
	async fn preflight(
		&self,
		signer: &AccountBytes,
		call: &Call,
	) -> Result<Option<Refusal>, ReadError> {
		let refusal = match (call.pallet(), call.call()) {
			(pallet::STAKING, call::WITHDRAW_UNBONDED) => self.withdraws(signer, call).await?,
			(pallet::STAKING, call::PAIR_WORKER) => self.pairs(signer, call).await?,
			(pallet::STAKING, call::UNPAIR_WORKER) => self.unpairs(signer, call).await?,
			(pallet::MODELS, call::REGISTER_MODEL) => self.registers(signer, call).await?,
			(pallet::MODELS, call::REGISTER_PROFILE) => self.profiles_model(signer, call).await?,
			(pallet::MODELS, call::SET_OFFER) => self.offers_profile(signer, call).await?,
			(pallet::MODELS, call::STAND) => self.stands(signer, call).await?,
			_ => None,
		};
		if refusal.is_none() && self.funds(signer).await?.free == 0 {
			return Ok(Some(Refusal::Payment));
		}
		Ok(refusal)
	}

	async fn withdraws(
		&self,
		who: &AccountBytes,
		call: &Call,
	) -> Result<Option<Refusal>, ReadError> {
		let Some(role) = call.arg::<Role>("role") else {
			return Ok(None);
		};
		let Some(bond) = self.bond(role, who).await? else {
			return Ok(would_fail("RoleStaking::NotBonded", ""));
		};
		let now = self.session().await?;
		Ok(match bond.unlocking.iter().map(|unlock| unlock.at).min() {
			Some(first) if first <= now && bond.withdrawable(now) > 0 => None,
			Some(first) if first <= now => would_fail(
				"RoleStaking::SlashPending",
				format!("{} AIT are locked", ait(bond.locked)),
			),
			Some(first) => {
				let when = self.session_as_text(first).await?;
				would_fail(
					"RoleStaking::NothingToWithdraw",
					format!("the first is due in {when}"),
				)
			}
			None => would_fail(
				"RoleStaking::NothingToWithdraw",
				"nothing is being unbonded",
			),
		})
	}

	async fn pairs(&self, who: &AccountBytes, call: &Call) -> Result<Option<Refusal>, ReadError> {
		let Some(worker) = call.arg::<WorkerKey>("worker") else {
			return Ok(None);
		};
		if self.operator_of(&worker).await?.is_some() {
			return Ok(would_fail("RoleStaking::WorkerAlreadyPaired", ""));
		}
		let counter = self.consent_counter(&worker).await?;
		if call
			.arg::<u32>("counter")
			.is_some_and(|given| given != counter)
		{
			return Ok(would_fail("RoleStaking::ConsentUsed", ""));
		}
		let valid_until = call.arg::<BlockNumber>("valid_until");
		if let Some(last) = valid_until.filter(|last| *last < self.block().number) {
			let detail = format!("its last block was {last}");
			return Ok(would_fail("RoleStaking::ConsentExpired", detail));
		}
		for role in [Role::Miner, Role::Verifier, Role::Validator] {
			if self.bond(role, who).await?.is_some() {
				return Ok(None);
			}
		}
		Ok(would_fail("RoleStaking::NotBonded", ""))
	}

	async fn unpairs(&self, who: &AccountBytes, call: &Call) -> Result<Option<Refusal>, ReadError> {
		let Some(worker) = call.arg::<WorkerKey>("worker") else {
			return Ok(None);
		};
		Ok(match self.operator_of(&worker).await? {
			None => would_fail("RoleStaking::WorkerNotPaired", ""),
			Some(operator) if operator != *who && worker != *who => {
				would_fail("RoleStaking::NotYourWorker", "")
			}
			Some(_) => None,
		})
	}

	async fn registers(
		&self,
		who: &AccountBytes,
		call: &Call,
	) -> Result<Option<Refusal>, ReadError> {
		let (Some(info), Some(royalty)) =
			(call.arg::<ModelInfo>("info"), call.arg::<u8>("royalty"))
		else {
			return Ok(None);
		};
		let id = model_id(who, &info.manifest_hash);
		let royalties = self.royalties()?;
		Ok(if info.name.is_empty() || info.licence.is_empty() {
			would_fail("Models::InvalidModelInfo", "")
		} else if !royalties.contains(&royalty) {
			let (least, most) = royalties.into_inner();
			would_fail(
				"Models::InvalidRoyalty",
				format!("{royalty} % is not between {least} % and {most} %"),
			)
		} else if self.model(&id).await?.is_some() {
			would_fail("Models::ModelExists", "")
		} else {
			None
		})
	}

	async fn profiles_model(
		&self,
		who: &AccountBytes,
		call: &Call,
	) -> Result<Option<Refusal>, ReadError> {
		let Some(profile) = call.arg::<Profile>("profile") else {
			return Ok(None);
		};
		if let Err(flaw) = profile.validate() {
			return Ok(would_fail(error_of(flaw.field), flaw.to_string()));
		}
		if self.profile(&profile.id()).await?.is_some() {
			return Ok(would_fail("Models::ProfileExists", ""));
		}
		Ok(match self.model(&profile.model).await? {
			None => would_fail("Models::UnknownModel", ""),
			Some(model) if model.creator != *who => would_fail("Models::NotCreator", ""),
			Some(model) if model.retired_at.is_some() => would_fail("Models::Retired", ""),
			Some(_) => None,
		})
	}

	async fn offers_profile(
		&self,
		who: &AccountBytes,
		call: &Call,
	) -> Result<Option<Refusal>, ReadError> {
		let (Some(id), Some(terms)) =
			(call.arg::<Hash>("profile"), call.arg::<OfferTerms>("offer"))
		else {
			return Ok(None);
		};
		let profile = match self.open_profile(&id).await? {
			Ok(profile) => profile,
			Err(refusal) => return Ok(refusal),
		};
		let factor = Balance::from(self.price_factor()?);
		let (input, output) = (
			profile.reference_input.saturating_mul(factor),
			profile.reference_output.saturating_mul(factor),
		);
		Ok(if terms.capacity == 0 {
			would_fail("Models::ZeroCapacity", "")
		} else if terms.price.input > input || terms.price.output > output {
			would_fail(
				"Models::PriceTooHigh",
				format!(
					"the most is {} AIT for 1,000 prompt tokens, {} AIT for answer tokens",
					ait(input),
					ait(output)
				),
			)
		} else if terms.peer.is_empty() || terms.address.first() != Some(&b'/') {
			would_fail("Models::InvalidAddress", "")
		} else {
			let operator = self.operator_of(who).await?.unwrap_or(*who);
			self.lacks_place(Role::Miner, &operator, &id).await?
		})
	}

	async fn stands(&self, who: &AccountBytes, call: &Call) -> Result<Option<Refusal>, ReadError> {
		let Some(id) = call.arg::<Hash>("profile") else {
			return Ok(None);
		};
		if let Err(refusal) = self.open_profile(&id).await? {
			return Ok(refusal);
		}
		let operator = self.operator_of(who).await?.unwrap_or(*who);
		if self.verifiers(&id).await?.contains(&operator) {
			return Ok(would_fail("Models::AlreadyStanding", ""));
		}
		self.lacks_place(Role::Verifier, &operator, &id).await
	}

	/// Whether no bond of the operator counts, or others fill the profile's list with larger ones.
	async fn lacks_place(
		&self,
		role: Role,
		operator: &AccountBytes,
		profile: &Hash,
	) -> Result<Option<Refusal>, ReadError> {
		let lacks = self.lacks_bond(role, operator).await?;
		if lacks.is_some() || self.candidates(role, profile).await?.contains(operator) {
			return Ok(lacks);
		}
		let Some(smallest) = self.bond_to_beat(role, profile).await? else {
			return Ok(None);
		};
		let bond = self.bond(role, operator).await?;
		let (session, working) = (self.session().await?, self.working_bond(role)?);
		let bond = bond.map_or(0, |bond| bond.counted(session, working));
		Ok(if bond > smallest {
			None
		} else {
			would_fail(
				"Models::ListFull",
				format!(
					"{} AIT count; more than {} AIT are needed",
					ait(bond),
					ait(smallest)
				),
			)
		})
	}

	/// A profile whose model is open, or why it is none.
	async fn open_profile(&self, id: &Hash) -> Result<Result<Profile, Option<Refusal>>, ReadError> {
		let Some(profile) = self.profile(id).await? else {
			return Ok(Err(would_fail("Models::UnknownProfile", "")));
		};
		Ok(match self.model(&profile.model).await? {
			None => Err(would_fail("Models::UnknownModel", "")),
			Some(model) if model.retired_at.is_some() => Err(would_fail("Models::Retired", "")),
			Some(_) => Ok(profile),
		})
	}

	/// Whether no bond of the operator counts.
	async fn lacks_bond(
		&self,
		role: Role,
		operator: &AccountBytes,
	) -> Result<Option<Refusal>, ReadError> {
		const ERROR: &str = "Models::NoActiveBond";
		let (minimum, working) = (self.minimum_bond(role)?, self.working_bond(role)?);
		let Some(bond) = self.bond(role, operator).await? else {
			return Ok(would_fail(
				ERROR,
				format!("there is none; the minimum is {} AIT", ait(minimum)),
			));
		};
		if bond.active < working {
			let detail = format!(
				"{} AIT are below the working minimum of {} AIT; with {} AIT it comes in again",
				ait(bond.active),
				ait(working),
				ait(minimum)
			);
			return Ok(would_fail(ERROR, detail));
		}
		if self.session().await? < bond.activates_at
			&& bond.active.saturating_sub(bond.pending) < working
		{
			let when = self.session_as_text(bond.activates_at).await?;
			return Ok(would_fail(ERROR, format!("it counts from {when} on")));
		}
		Ok(None)
	}

	/// A session with the block that begins it.
	async fn session_as_text(&self, session: u32) -> Result<String, ReadError> {
		let begins: Option<BlockNumber> = self.session_start(session).await?;
		Ok(match begins {
			Some(block) => {
				format!("session {session}, which begins at block {block} at the latest")
			}
			None => format!("session {session}"),
		})
	}
}

/// The dispatch error of a profile whose `field` is out of its bounds.
fn error_of(field: Field) -> &'static str {
	match field {
		Field::Sampler => "Models::UnknownSampler",
		Field::TopK => "Models::InvalidTopK",
		Field::Chunk => "Models::InvalidChunk",
		Field::ExponentMismatches => "Models::InvalidExponentMismatches",
		Field::MantissaMean => "Models::InvalidMantissaMean",
		Field::MantissaMedian => "Models::InvalidMantissaMedian",
		Field::HardMargin => "Models::InvalidHardMargin",
		Field::FingerprintDistance => "Models::InvalidFingerprintDistance",
		Field::Context => "Models::InvalidContext",
		Field::Speed => "Models::InvalidSpeed",
	}
}

impl Call {
	/// An argument, where it is `T`.
	fn arg<T: Decode>(&self, name: &str) -> Option<T> {
		T::decode(&mut self.bytes(name)?).ok()
	}
}
