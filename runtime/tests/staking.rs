//! Bonds and worker keys on the real runtime, and the pallets' own checks of their state.
//!
//! With the feature `try-runtime` every test of this crate asks all pallets, those of the SDK
//! included, whether their state is consistent, after genesis and after each block:
//!
//! ```text
//! SKIP_WASM_BUILD=1 cargo test --package infergrid-runtime --features fast-runtime,try-runtime
//! ```

mod common;

use common::{Chain, account, pair};
use infergrid_primitives::{
	market::{Bonds, Role},
	request::Consent,
};
use infergrid_runtime::{AIT, RoleStaking, RuntimeCall, constants::EPOCH_DURATION_IN_SLOTS};
use polkadot_sdk::*;
use sp_core::Pair;

const PRESETS: [&str; 2] = ["development", "local_testnet"];
const OPERATOR: &str = "//Ferdie";

fn ok(chain: &mut Chain, uri: &str, call: impl Into<RuntimeCall>) {
	let extrinsic = chain.sign(uri, call, 0);
	let results = chain.block(vec![extrinsic]);
	assert!(matches!(results[..], [Ok(Ok(_))]), "{uri}: {results:?}");
}

fn bonded(chain: &mut Chain, role: Role) -> (u128, u128) {
	let who = account(OPERATOR);
	chain.query(|| {
		(
			RoleStaking::active_bond(&who, role),
			RoleStaking::slashable(&who, role),
		)
	})
}

#[test]
fn an_operator_comes_works_and_goes() {
	for preset in PRESETS {
		let mut chain = Chain::new(preset);
		chain.blocks(1);
		for role in [Role::Validator, Role::Miner, Role::Verifier] {
			let amount = 20_000 * AIT;
			ok(
				&mut chain,
				OPERATOR,
				pallet_role_staking::Call::bond { role, amount },
			);
		}
		let genesis = chain.genesis();
		let worker = pair("//Ferdie//worker");
		let consent = Consent {
			operator: account(OPERATOR).into(),
			counter: 0,
			valid_until: 100,
		};
		let signature = worker.sign(&consent.payload(&genesis)).0;
		let worker = worker.public().0;
		let call = pallet_role_staking::Call::pair_worker {
			worker,
			counter: consent.counter,
			valid_until: consent.valid_until,
			signature,
		};
		ok(&mut chain, OPERATOR, call);
		assert_eq!(
			bonded(&mut chain, Role::Miner),
			(0, 20_000 * AIT),
			"{preset}: a bond can be lost before it counts"
		);
		chain.blocks(3 * EPOCH_DURATION_IN_SLOTS);
		assert_eq!(
			bonded(&mut chain, Role::Miner),
			(20_000 * AIT, 20_000 * AIT),
			"{preset}"
		);

		ok(
			&mut chain,
			OPERATOR,
			pallet_role_staking::Call::unpair_worker { worker },
		);
		for role in [Role::Validator, Role::Miner, Role::Verifier] {
			let amount = 20_000 * AIT;
			ok(
				&mut chain,
				OPERATOR,
				pallet_role_staking::Call::unbond { role, amount },
			);
		}
		chain.blocks(EPOCH_DURATION_IN_SLOTS);
		assert_eq!(
			bonded(&mut chain, Role::Miner),
			(0, 20_000 * AIT),
			"{preset}: what is unbonding can still be lost"
		);
	}
}

#[cfg(feature = "try-runtime")]
#[test]
fn a_broken_state_does_not_pass() {
	let mut chain = Chain::new("local_testnet");
	chain.blocks(1);
	chain.check();
	let worker = pair("//Ferdie//worker").public().0;
	chain.query(|| {
		pallet_role_staking::Workers::<infergrid_runtime::Runtime>::insert(
			worker,
			account(OPERATOR),
		);
	});
	let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chain.check()));
	assert!(broken.is_err(), "a pairing that one side does not know");
}
