use crate::{mock::*, pallet::*};
use infergrid_primitives::randomness::Output;

#[test]
fn the_outputs_of_a_day_are_kept() {
	from(1, || {
		assert_eq!(
			Noted::<Test>::get(),
			1,
			"block 0 of this chain has an author"
		);
		run_to(DEPTH + 40);
		let mut kept: Vec<_> = Outputs::<Test>::iter_values()
			.map(|output| output.block)
			.collect();
		kept.sort_unstable();
		assert_eq!(kept, (40..DEPTH + 40).collect::<Vec<_>>());
	});
}

#[test]
fn a_broken_state_does_not_pass() {
	let broken = |breaks: fn()| {
		from(10, || {
			breaks();
			Randomness::do_try_state(10).is_err()
		})
	};
	assert!(!broken(|| ()));
	assert!(broken(|| Noted::<Test>::put(9)));
	assert!(broken(|| Outputs::<Test>::remove(3)));
	// Number 3 is the output of block 3.
	let insert = |block| {
		Outputs::<Test>::insert(
			3,
			Output {
				block,
				vrf: [0; 32],
			},
		)
	};
	for block in [2, 4, 10] {
		let wrong = from(10, || {
			insert(block);
			Randomness::do_try_state(10).is_err()
		});
		assert!(wrong, "output 3 is not of block {block}");
	}
	assert!(broken(|| Outputs::<Test>::insert(
		9,
		Output {
			block: 10,
			vrf: [0; 32]
		}
	)));
}
