//! What to do about what the runtime refuses.

/// A sentence for each error of the market's pallets that a person can meet, by `Pallet::Error`.
const HINTS: &[(&str, &str)] = &[
	("RoleStaking::ZeroAmount", "name an amount above zero"),
	(
		"RoleStaking::BelowMinimum",
		"bond at least the role's minimum, which `infergrid stake show` tells; below it only a bond that is \
		 still at work takes more, and only all of it can be unbonded",
	),
	("RoleStaking::Overflow", "bond less"),
	(
		"RoleStaking::BondAtWork",
		"unbond less, or take no new work and unbond when what is open is settled: `infergrid stake show` \
		 tells what is at work",
	),
	(
		"RoleStaking::NotBonded",
		"bond first: `infergrid stake bond ROLE AMOUNT`",
	),
	(
		"RoleStaking::InsufficientBond",
		"unbond at most what `infergrid stake show` tells as active",
	),
	(
		"RoleStaking::UnbondingQueueFull",
		"withdraw what is due: `infergrid stake withdraw ROLE`",
	),
	(
		"RoleStaking::NothingToWithdraw",
		"wait for the session that `infergrid stake show` tells",
	),
	(
		"RoleStaking::SlashPending",
		"what is due is locked for a slash that is ordered: wait until that is executed or cancelled",
	),
	(
		"RoleStaking::NoPendingSlash",
		"name the session and the operator of a slash that is ordered and not yet executed",
	),
	(
		"RoleStaking::TooSmallToStand",
		"the list of candidates is full: bond more than its smallest bond",
	),
	(
		"RoleStaking::WorkerAlreadyPaired",
		"the worker key acts for an operator already: unpair it there first, or use another",
	),
	(
		"RoleStaking::WorkerNotPaired",
		"pair the key first: `infergrid stake pair`",
	),
	(
		"RoleStaking::NotYourWorker",
		"sign with the key's operator, or with the key itself",
	),
	(
		"RoleStaking::TooManyWorkers",
		"unpair a worker key first: `infergrid stake unpair`",
	),
	(
		"RoleStaking::ConsentUsed",
		"a worker key's consent pairs once, and its leaving voids what it gave: run the command again for a new one",
	),
	(
		"RoleStaking::ConsentExpired",
		"the worker key's consent waited too long: run the command again for a new one",
	),
	(
		"RoleStaking::BadPairingProof",
		"let the worker key sign for this operator on this chain: `infergrid stake pair`, or start the worker \
		 with --operator-key-file",
	),
	(
		"Models::ModelExists",
		"this account has registered the model already: use it",
	),
	(
		"Models::UnknownModel",
		"register the model first: `infergrid model publish`",
	),
	(
		"Models::InvalidModelInfo",
		"give a name and a licence that are not empty",
	),
	(
		"Models::InvalidRoyalty",
		"choose a royalty from 5 to 20 percent",
	),
	(
		"Models::NotCreator",
		"sign with the key of the model's creator",
	),
	(
		"Models::ProfileExists",
		"such a profile is there already: use it",
	),
	(
		"Models::UnknownProfile",
		"the model's creator must register the profile first",
	),
	(
		"Models::UnknownSampler",
		"there is one version of the sampler: name 1",
	),
	("Models::InvalidTopK", "choose a top_k from 32 to 1,024"),
	(
		"Models::InvalidChunk",
		"choose a chunk from 1 to 256 tokens, and at most top_k",
	),
	(
		"Models::InvalidExponentMismatches",
		"choose a max_exponent_mismatches from a hundredth of top_k to half of it",
	),
	(
		"Models::InvalidMantissaMean",
		"choose a max_mantissa_mean_milli from 100 to 21,000",
	),
	(
		"Models::InvalidMantissaMedian",
		"choose a max_mantissa_median_milli from 1,000 to 18,000",
	),
	(
		"Models::InvalidHardMargin",
		"choose a hard_margin_milli from 10 to 4,000",
	),
	(
		"Models::InvalidFingerprintDistance",
		"choose a max_fingerprint_distance from 32 to 2^24",
	),
	(
		"Models::InvalidContext",
		"choose a context from 2 to 2^20 tokens",
	),
	(
		"Models::InvalidSpeed",
		"choose a least speed from 1 to 100,000 tokens per second",
	),
	("Models::TooManyProfiles", "use one of the model's profiles"),
	("Models::Retired", "the model is retired: choose another"),
	(
		"Models::StillOffered",
		"wait until all miners with a bond have withdrawn their offers",
	),
	(
		"Models::TooEarly",
		"wait until the retired model can be cleared",
	),
	(
		"Models::NoActiveBond",
		"bond for the role, and wait until the bond counts: `infergrid stake show` tells the session",
	),
	(
		"Models::PriceTooHigh",
		"ask for at most ten times the profile's reference price",
	),
	(
		"Models::ZeroCapacity",
		"offer a capacity of at least 1, or withdraw the offer",
	),
	(
		"Models::InvalidAddress",
		"announce a multiaddress such as /ip4/203.0.113.7/tcp/4001",
	),
	(
		"Models::ListFull",
		"the list is full: bond more than its smallest bond",
	),
	("Models::NoOffer", "there is no offer to withdraw"),
	("Models::AlreadyStanding", "the verifier stands already"),
	("Models::NotStanding", "the verifier does not stand"),
	(
		"Tasks::ProfileNotFound",
		"ask for a profile that is registered",
	),
	(
		"Tasks::InvalidParams",
		"correct the sampling parameters; max_tokens must be above zero",
	),
	("Tasks::MaxFeeTooLow", "raise max_fee to the chain's least"),
	(
		"Tasks::InvalidPrompt",
		"send a prompt that is not empty, as UTF-8",
	),
	(
		"Tasks::ExceedsContext",
		"shorten the prompt, or ask for fewer tokens",
	),
	(
		"Tasks::PatienceOutOfRange",
		"choose a patience between the chain's limits",
	),
	(
		"Tasks::PatienceTooShort",
		"raise the patience, or ask for fewer tokens",
	),
	("Tasks::InsufficientFunds", "send the payer some AIT"),
	(
		"Tasks::Overloaded",
		"the chain is behind with what it has to do: order again in a minute",
	),
	(
		"Tasks::TooFewVerifiers",
		"too few verifiers stand for the model to audit every answer: ask for sampled audits, or wait",
	),
	(
		"Tasks::NonceInUse",
		"the order is on chain already, or needs another nonce",
	),
	(
		"Tasks::TaskNotFound",
		"the task does not exist, or was forgotten",
	),
	("Tasks::NotPayer", "sign with the payer's key"),
	("Tasks::NotQueued", "a miner has the task already"),
	("Tasks::NotAssigned", "no miner has the task now"),
	("Tasks::AlreadyDelivered", "the result is on chain already"),
	(
		"Tasks::TooLate",
		"the deadline has passed: a faster device, a smaller --capacity or a clock that is right helps",
	),
	(
		"Tasks::NotAssignedWorker",
		"the task is with another miner, or the worker key is not paired any more",
	),
	(
		"Tasks::WrongRequest",
		"the receipt is for another request: run matching versions",
	),
	(
		"Tasks::WrongSigner",
		"the receipt names another key: one data directory serves one worker key",
	),
	(
		"Tasks::WrongPromptLength",
		"the receipt counts another prompt: run matching versions",
	),
	(
		"Tasks::WrongAnswerLength",
		"the answer is empty or too long: run matching versions",
	),
	(
		"Tasks::WrongFee",
		"the receipt's fee is not that of the price: run matching versions",
	),
	("Tasks::FeeTooHigh", "the fee exceeds what the payer allows"),
	(
		"Tasks::BadSignature",
		"the signature is not the worker key's: run matching versions",
	),
	("Tasks::AuditRefused", "hand the result in again"),
	(
		"Audits::AuditNotFound",
		"the audit does not exist, or was forgotten",
	),
	(
		"Audits::NotPaired",
		"pair the worker key first: `infergrid stake pair`",
	),
	(
		"Audits::NotOnCommittee",
		"this verifier was not drawn for the round",
	),
	(
		"Audits::CommitClosed",
		"the time to commit is over, or has not come",
	),
	(
		"Audits::AlreadyCommitted",
		"this verifier has committed already",
	),
	(
		"Audits::RevealClosed",
		"the time to reveal is over, or has not come",
	),
	(
		"Audits::NotCommitted",
		"this verifier did not commit in this round",
	),
	(
		"Audits::AlreadyRevealed",
		"this verifier has revealed already",
	),
	(
		"Audits::CommitmentMismatch",
		"another vote was committed with this key: two workers share it",
	),
];

/// What to do about the dispatch error `error`, given as `Pallet::Error`.
pub(crate) fn hint(error: &str) -> Option<&'static str> {
	let found = HINTS.iter().find(|(name, _)| *name == error);
	found.map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{collections::BTreeSet, fs, path::Path};

	/// The names in the error enums of the pallets' sources.
	fn errors_of_the_pallets() -> BTreeSet<String> {
		let pallets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pallets");
		let mut names = BTreeSet::new();
		for (directory, pallet) in [
			("staking", "RoleStaking"),
			("models", "Models"),
			("tasks", "Tasks"),
			("audits", "Audits"),
		] {
			let source = fs::read_to_string(pallets.join(directory).join("src/lib.rs")).unwrap();
			let body = source.split("pub enum Error<T> {").nth(1).unwrap();
			let body = body.split("\n\t}").next().unwrap();
			for line in body.lines().map(str::trim) {
				if let Some(name) = line.strip_suffix(',')
					&& name.chars().all(char::is_alphanumeric)
				{
					names.insert(format!("{pallet}::{name}"));
				}
			}
		}
		names
	}

	#[test]
	fn every_error_of_the_pallets_has_a_remedy_and_no_other() {
		let known: BTreeSet<_> = HINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
		assert_eq!(known, errors_of_the_pallets());
		assert_eq!(known.len(), HINTS.len());
	}
}
